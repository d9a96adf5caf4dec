"""Drives the live page in a real browser, for `test_page.py` and `benchmarks/live_page.py`."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic")
ARGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", *QUIET)  # the sandbox does not work for root

# The samples that leave the page's analyser, for so many seconds, channel by channel.
LISTEN = """([seconds, channels]) => new Promise((done) => {
  const { analyser, context } = window.mtcrnn.sound;
  const node = context.createScriptProcessor(1024, channels, channels);
  const heard = Array.from({ length: channels }, () => []);
  node.onaudioprocess = ({ inputBuffer }) => {
    heard.forEach((channel, c) => channel.push(...inputBuffer.getChannelData(c)));
    if (heard[0].length < seconds * context.sampleRate) return;
    analyser.disconnect(node);
    node.disconnect();
    node.onaudioprocess = null;
    done(heard);
  };
  analyser.connect(node).connect(context.destination);
})"""


@contextmanager
def opened(
    address: str,
    width: int = 1280,
    height: int = 1000,
    args: Sequence[str] = (),
    ready: str = "#play:enabled",
    offline: bool = False,
    first: str = "",
) -> Iterator[Page]:
    """The page at an address, in a headless Chromium, once it is ready to play; `first` runs before its own scripts."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=[*ARGS, *args])
        page = browser.new_page(viewport={"width": width, "height": height}, offline=offline)
        if first:
            page.add_init_script(first)
        page.goto(address)
        page.wait_for_selector(ready, timeout=60_000)
        yield page
        browser.close()


def wait_for(page: Page, expression: str) -> None:
    """Wait until an expression is true in the page, whose security policy forbids Playwright's own way to wait."""
    deadline = time.monotonic() + 20
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, expression
        page.wait_for_timeout(50)


def listen(page: Page, seconds: float, channels: int = 1) -> np.ndarray:
    """The samples [T] that leave the page's audio graph from now on; of several `channels`, [T, channels]."""
    heard = np.array(page.evaluate(LISTEN, [seconds, channels]), np.float32).T
    return heard if channels > 1 else heard[:, 0]


def faults_of(page: Page) -> list[str]:
    """The errors of a page's scripts, as they come."""
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
    return faults


def take(page: Page, ending: str, folder: Path) -> Path:
    """Download the newest take of a kind."""
    page.wait_for_selector(f"#takes a[download$='{ending}']")
    with page.expect_download() as download:
        page.click(f"#takes a[download$='{ending}']")
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def slide(page: Page, name: str, share: float) -> None:
    """Move a parameter's slider, as a user does, to a share of its range."""
    slider = page.locator(f".parameter[data-name='{name}'] input[type=range]")
    slider.evaluate("(s, v) => { s.value = v; s.dispatchEvent(new Event('input')); }", round(1000 * share))
