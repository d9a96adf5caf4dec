"""Drives the live page in a real browser, for `test_page.py` and `benchmarks/live_page.py`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic")
ARGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", *QUIET)  # the sandbox does not work for root

# What leaves the page's analyser for so many seconds, sample by sample.
LISTEN = """(seconds) => new Promise((done) => {
  const { analyser, context } = window.mtcrnn.sound;
  const node = context.createScriptProcessor(1024, 1, 1), heard = [];
  node.onaudioprocess = ({ inputBuffer }) => {
    heard.push(...inputBuffer.getChannelData(0));
    if (heard.length < seconds * context.sampleRate) return;
    analyser.disconnect(node);
    node.disconnect();
    node.onaudioprocess = null;
    done(heard);
  };
  analyser.connect(node).connect(context.destination);
})"""


@contextmanager
def playing(model: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`mtcrnn play` on a model, as a process, and the address that it prints."""
    words = [sys.executable, "-m", "mtcrnn", "play", str(model), "--port", "0", "--no-browser", *options]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert "http://" in line, f"mtcrnn play said {line!r}"
            yield process, line.split(" at ")[1].split()[0]
        finally:
            process.terminate()


@contextmanager
def opened(address: str, width: int = 1280, height: int = 1000) -> Iterator[Page]:
    """The page at an address, in a headless Chromium, once it can be played."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(ARGS))
        page = browser.new_page(viewport={"width": width, "height": height})
        page.goto(address)
        page.wait_for_selector("#play:enabled", timeout=60_000)
        yield page
        browser.close()


def listen(page: Page, seconds: float) -> np.ndarray:
    """The samples [T] that leave the page's audio graph from now on."""
    return np.array(page.evaluate(LISTEN, seconds), np.float32)


def slide(page: Page, control: str, share: float) -> None:
    """Move a control's slider, as by hand, to a share of its range."""
    slider = page.locator(".control", has_text=control).locator("input[type=range]")
    slider.evaluate("(s, v) => { s.value = v; s.dispatchEvent(new Event('input')); }", round(1000 * share))
