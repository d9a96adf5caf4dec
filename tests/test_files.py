import errno
import os
import resource
import subprocess
import sys

import pytest

from mtcrnn.core.errors import InputError
from mtcrnn.core.files import keep_previous, write_bytes, write_folder


def test_a_failed_write_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "a.bin"
    write_bytes(path, b"old")

    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match=r"cannot write .*a\.bin: No space left on device"):
        write_bytes(path, b"new")
    with pytest.raises(InputError, match="No space left on device"):
        write_folder(tmp_path / "folder", {"a": b"1"})
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]


def test_a_real_limit_on_file_size_is_met_the_same_way(tmp_path):
    code = (
        "import resource, signal, pathlib; from mtcrnn.core.files import write_folder\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        f"write_folder(pathlib.Path({str(tmp_path / 'm')!r}), {{'small': b'x', 'big': b'x' * 5000}})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "InputError: cannot write" in done.stderr
    assert not list(tmp_path.iterdir())
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 1000


def test_an_existing_folder_is_not_touched(tmp_path):
    write_folder(tmp_path / "m", {"a": b"1"})
    with pytest.raises(InputError, match="m already exists"):
        write_folder(tmp_path / "m", {"a": b"2"})
    assert (tmp_path / "m" / "a").read_bytes() == b"1"


def test_previous_takes_are_kept_and_said(tmp_path, caplog):
    path = tmp_path / "take.wav"
    for take in (b"1", b"2", b"3"):
        keep_previous(path)
        write_bytes(path, take)
    contents = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    assert contents == {"take.wav": b"3", "take.previous-1.wav": b"1", "take.previous-2.wav": b"2"}
    assert "take.wav existed: kept as take.previous-2.wav" in caplog.text
