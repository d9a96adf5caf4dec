"""`mtcrnn label`: listens to recordings, then serves the page that labels them."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

import platformdirs

from mtcrnn.core.errors import InputError
from mtcrnn.core.files import check_writable
from mtcrnn.data.dataset import ParamManager
from mtcrnn.labelling.document import NAME, read_document
from mtcrnn.labelling.server import make_app
from mtcrnn.labelling.session import Session
from mtcrnn.listening.recordings import listen as listen_to
from mtcrnn.runs.locks import locked
from mtcrnn.serving.address import allowed_hosts, browse, listen, serve
from mtcrnn.serving.tokens import kept_token

HOST = "127.0.0.1"


def label(data: ParamManager, port: int = 8766, browser: bool = True, axes: int = 0) -> None:
    """Serve the page until Ctrl-C.

    Args:
        data: the recordings, and the place of their param files and of what is said about them.
        port: the port to listen on; 0 takes any free one.
        browser: whether to open the page.
        axes: how many principal axes of the sound become parameters.

    Raises:
        InputError: no recordings, one that cannot be read, a folder that is read-only or that another process labels,
            a port in use.
    """
    wavs = data.wavs(log_left_out=True)
    folder = _folder(data)
    if not os.access(folder, os.W_OK):
        raise InputError(f"{folder} is read-only: `param_dir` names another folder for what you say about recordings")
    path = folder / NAME
    document = read_document(path)
    check_writable(path)
    with ExitStack() as stack:
        stack.enter_context(locked(folder, "labelling"))
        listening = stack.enter_context(listen(HOST, port))
        session = Session(data, listen_to(wavs), document, path)
        session.add_axes(axes)
        token = kept_token(platformdirs.user_state_path("mtcrnn"))
        address = f"http://{HOST}:{listening.getsockname()[1]}/?token={token}"
        print(f"labelling {len(wavs)} recordings at {address} (Ctrl-C to stop)", flush=True)
        if browser:
            browse(address)
        serve(make_app(session, token, allowed_hosts(HOST)), listening)


def _folder(data: ParamManager) -> Path:
    """Where what is said is kept: beside the param files."""
    folder = data.params or (data.data.parent if data.data.is_file() else data.data)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
