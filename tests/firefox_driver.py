"""Drives a page in a real Firefox over its own protocol (WebDriver BiDi), with an output that plays to nobody."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
SETTINGS = {
    "media.autoplay.default": 0,  # sound without a click
    "media.autoplay.blocking_policy": 0,
    "network.dns.disabled": True,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.update.enabled": False,
}
START_S, ANSWER_S = 60, 60
# Firefox plays nothing where there is no output.
SILENT_OUTPUT = (
    "pulseaudio",
    "-n",
    "--exit-idle-time=-1",
    "-L",
    "module-null-sink",
    "-L",
    "module-native-protocol-unix",
)


class Firefox:
    """A page in Firefox."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket, self._numbers = socket, itertools.count()
        self.send("session.new", capabilities={})
        self._context = self.send("browsingContext.getTree")["contexts"][0]["context"]

    def send(self, method: str, **parameters: Any) -> Any:
        """The result of a command."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while (answer := json.loads(self._socket.recv(ANSWER_S))).get("id") != number:
            pass  # an event
        assert answer["type"] == "success", answer
        return answer["result"]

    def open(self, address: str) -> None:
        """Go to an address."""
        self.send("browsingContext.navigate", context=self._context, url=address, wait="complete")

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, awaited, as JSON."""
        found = self.send(
            "script.evaluate",
            expression=f"(async () => JSON.stringify(await ({expression})))()",
            target={"context": self._context},
            awaitPromise=True,
        )
        assert found["type"] == "success", found
        return json.loads(found["result"].get("value", "null"))

    def click(self, selector: str) -> None:
        """Click an element, as a user does: browsers allow sound after that."""
        box = self.evaluate(f"document.querySelector({json.dumps(selector)}).getBoundingClientRect()")
        place = {"x": round(box["x"] + box["width"] / 2), "y": round(box["y"] + box["height"] / 2)}
        press = [{"type": "pointerMove", **place}, *({"type": f"pointer{way}", "button": 0} for way in ("Down", "Up"))]
        mouse = {"type": "pointer", "id": "mouse", "actions": press}
        self.send("input.performActions", context=self._context, actions=[mouse])

    def wait_for(self, expression: str, seconds: float = 30) -> None:
        """Wait until an expression is true."""
        deadline = time.monotonic() + seconds
        while not self.evaluate(expression):
            assert time.monotonic() < deadline, expression
            time.sleep(0.1)


@contextmanager
def opened(address: str, folder: Path) -> Iterator[Firefox]:
    """A page in a headless Firefox, whose files are in `folder`."""
    folder.mkdir()
    lines = (f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in SETTINGS.items())
    (folder / "user.js").write_text("\n".join(lines))
    command = [FIREFOX, "--headless", "--no-remote", "--remote-debugging-port", "0", "--profile", str(folder)]
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(folder), "HOME": str(folder)}
    with open(folder / "log", "w") as log:
        sound = subprocess.Popen(SILENT_OUTPUT, env=environment, stdout=log, stderr=log)
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        with connect(f"{_address(folder / 'log', process)}/session", max_size=2**28) as socket:
            firefox = Firefox(socket)
            firefox.open(address)
            yield firefox
    finally:
        for each in (process, sound):
            each.kill()
            each.wait()


def _address(log: Path, process: subprocess.Popen) -> str:
    """Where it listens, once it does."""
    deadline = time.monotonic() + START_S
    while not (found := re.search(r"listening on (ws://\S+)", log.read_text())):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
    return found[1]
