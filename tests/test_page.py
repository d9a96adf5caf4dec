"""The live page in a real browser: the sound follows the sliders, takes, presets, the help for other machines."""

import shlex
import socket
import struct
import urllib.parse
from pathlib import Path

import numpy as np
import pytest
import soundfile

import mtcrnn
from helpers import run_cli
from live_driver import playing, save_model, save_stereo_model
from mtcrnn.config.ranges import Range
from mtcrnn.listening.beat import onset_strength
from mtcrnn.textures import write_texture

driver = pytest.importorskip("page_driver", reason="playwright is not installed", exc_type=ImportError)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(driver.CHROMIUM is None, reason="no Chromium here (Debian: apt install chromium)"),
]

RATE = 16000
OLD_BROWSER = "delete window.DecompressionStream"  # which cannot make the sound itself


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """The quick start's model, smaller and trained for less time (10 events a second at rate 0, 42 at rate 1)."""
    folder = tmp_path_factory.mktemp("quickstart")
    write_texture("pops", folder / "pops")
    mtcrnn.train(folder / "pops", ["rate"], folder / "run", num_steps=800, hidden_size=64)
    return folder / "run"


@pytest.fixture
def address(model, tmp_path):
    with playing(model, tmp_path / "state", "--no-browser") as (_, address):
        yield address


def events(samples) -> float:
    """Onsets a second: prominent peaks of the onset strength."""
    rises = onset_strength(samples, RATE)
    peaks = (rises[1:-1] > rises[:-2]) & (rises[1:-1] >= rises[2:]) & (rises[1:-1] > 0.15)
    return peaks.sum() / (len(samples) / RATE)


def test_the_sound_follows_the_slider(address):
    with driver.opened(address) as page:
        faults = driver.faults_of(page)
        page.click("#play")
        page.wait_for_selector("#play[aria-pressed=true]")
        rates = {}
        for share in (0.0, 1.0):
            driver.slide(page, "rate", share)
            driver.listen(page, 0.5)
            heard = driver.listen(page, 5.0)
            assert np.sqrt(np.mean(heard**2)) > 0.003
            assert np.abs(heard).max() <= 1
            rates[share] = events(heard)
        assert rates[1.0] > 2 * rates[0.0], rates
        page.click("#play")
        page.wait_for_selector("#play[aria-pressed=false]")
        assert np.abs(driver.listen(page, 0.6)[RATE // 4 :]).max() == 0
        assert not faults


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("first", ["", OLD_BROWSER], ids=["in the page", "on the server"])
def test_a_take_renders_offline_to_the_same_samples(channels, first, model, tmp_path, monkeypatch, capsys):
    """The recorded wav, and the saved gesture rendered by the command that the page shows: the same sound."""
    model, name = (model, "rate") if channels == 1 else (save_stereo_model(tmp_path / "models" / "run"), "gain")
    with (
        playing(model, tmp_path / "state", "--no-browser") as (_, address),
        driver.opened(address, first=first) as page,
    ):
        assert page.is_visible("#margin") == bool(first)
        page.fill("#seed", "7")
        page.click("#record")
        page.click("#play")
        page.wait_for_selector("#play[aria-pressed=true]")
        for share in (0.1, 0.9, 0.5):
            driver.slide(page, name, share)
            page.wait_for_timeout(300)
        sides = driver.listen(page, 0.3, channels)
        page.click("#save")
        gesture = driver.take(page, ".npy", tmp_path)
        page.click("#play")
        files = [gesture, driver.take(page, ".wav", tmp_path)]
        command = shlex.split(page.inner_text("#takes code"))
    assert [file.name for file in files] == ["run-7.npy", "run-7.wav"]
    monkeypatch.chdir(tmp_path)
    assert command[:4] == ["mtcrnn", "generate", "--model_dir", str(model)]
    assert run_cli(capsys, *command[1:])[:2] == (0, "wrote run.wav\n")
    played, rate = soundfile.read(files[1], dtype="int32")
    made, made_rate = soundfile.read("run.wav", dtype="int32")
    both = min(len(played), len(made))
    assert np.ndim(played) == channels
    assert channels == 1 or np.abs(sides[:, 0] - sides[:, 1]).max() > 0.01
    assert rate == made_rate == RATE
    assert both > RATE // 2
    assert np.ptp(np.load(files[0])[0, :, -2]) > 0.7
    np.testing.assert_array_equal(played[:both], made[:both])


def settings(page):
    """The settings in the address, once they have been written to it."""
    page.wait_for_timeout(400)
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(page.url).fragment))


def test_a_bookmark_is_a_preset_whatever_the_parameters_are_called(tmp_path):
    """The address holds every value in full, each under its own name, and may be edited by hand."""
    names = ("temperature", "start", "stop", "seed", "model")
    folder = save_model(tmp_path / "it's a model", ranges={name: Range(0, 100) for name in names})
    with (
        playing(folder, tmp_path / "state", "--no-browser", "--margin", "200") as (_, address),
        driver.opened(address) as page,
    ):
        faults = driver.faults_of(page)
        for name, value in (("temperature", "12.3456789012"), ("seed", "0.1"), ("@temperature", "0.123456789")):
            page.fill(f".parameter[data-name='{name}'] input[type=number]", value)
            page.keyboard.press("Enter")
        page.fill("#seed", "77")
        page.keyboard.press("Enter")
        expected = {"temperature": "12.3456789012", "start": "50", "stop": "50", "seed": "0.1", "model": "50"}
        expected |= {"@temperature": "0.123456789", "@seed": "77"}
        assert settings(page) == expected
        page.reload()
        page.wait_for_selector("#play:enabled")
        assert page.input_value(".parameter[data-name='temperature'] input[type=number]") == "12.35"
        driver.slide(page, "model", 0.25)
        assert settings(page) == expected | {"model": "25"}
        page.evaluate("location.hash = '#temperature=1.5&@seed=5'")
        page.wait_for_timeout(100)
        assert settings(page) == expected | {"model": "25", "temperature": "1.5", "@seed": "5"}
        assert page.inner_text(".parameter[data-name='@temperature'] label").startswith("sampling temperature")
        page.click("#play")
        page.wait_for_selector("#play[aria-pressed=true]")
        driver.wait_for(page, "mtcrnn.sound.status.played > 400")
        page.click("#save")
        page.wait_for_selector("#takes code")
        words = shlex.split(page.inner_text("#takes code"))
        assert words[2:6] == ["--model_dir", str(folder), "--gesture", "it_s_a_model-5.npy"]
        assert not faults


def test_start_works_after_failures(address):
    """The browser cannot load the worklet twice; the third time it can."""
    with driver.opened(address) as page:
        faults = driver.faults_of(page)
        page.evaluate(
            "() => { window.load = AudioWorklet.prototype.addModule;"
            " AudioWorklet.prototype.addModule = () => Promise.reject(new Error('not now')); }"
        )
        for _ in range(2):
            page.evaluate("document.getElementById('status').textContent = ''")
            page.click("#play")
            driver.wait_for(page, "document.getElementById('status').textContent.endsWith('16000 Hz: not now')")
        page.evaluate("() => { AudioWorklet.prototype.addModule = window.load; }")
        page.click("#play")
        driver.wait_for(page, "mtcrnn.sound.status.played > 4000")
        assert not faults


def test_from_another_machine_the_page_says_how(model, tmp_path):
    """Browsers allow no sound on a page that is opened by a name of another machine over http."""
    with (
        playing(model, tmp_path / "state", "--no-browser", "--host", "0.0.0.0") as (_, address),
        driver.opened("about:blank", args=["--host-resolver-rules=MAP studio 127.0.0.1"], ready="body") as page,
    ):
        faults = driver.faults_of(page)
        parts = urllib.parse.urlsplit(address)
        page.goto(f"http://studio:{parts.port}/?{parts.query}")
        page.wait_for_selector("#play:enabled")
        tunnel = f"ssh -L {parts.port}:127.0.0.1:{parts.port} studio"
        near = f"http://127.0.0.1:{parts.port}/?{parts.query}"
        assert page.inner_text("#tunnel-command") == tunnel
        assert page.get_attribute("#tunnel-link", "href") == near
        for _ in range(2):
            page.click("#play")
            assert page.inner_text("#status") == "no sound over plain http:"
        page.click(".parameter[data-name=rate] button")
        assert page.inner_text("#midi") == "MIDI: not over plain http: see the top of the page."
        page.goto(near)
        page.wait_for_selector("#play:enabled")
        assert page.is_hidden("#tunnel-help")
        page.click("#play")
        page.wait_for_selector("#play[aria-pressed=true]")
        assert not faults


def test_osc_moves_what_a_page_plays_which_outlives_the_server(tmp_path):
    run = save_model(tmp_path / "run")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (
        playing(run, tmp_path / "state", "--no-browser", "--osc", str(port)) as (process, address),
        driver.opened(address) as page,
    ):
        page.click("#play")
        page.wait_for_selector("#play[aria-pressed=true]")
        message = b"/gain\0\0\0,f\0\0" + struct.pack(">f", 0.25)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(message, ("127.0.0.1", port))
        driver.wait_for(page, "document.querySelector('[data-name=gain] input[type=number]').value === '0.25'")
        page.wait_for_timeout(300)
        page.click("#save")
        assert np.load(driver.take(page, ".npy", tmp_path))[0, -1, 1] == 0.25
        process.terminate()
        page.wait_for_selector("#status.bad")
        assert page.inner_text("#status") == "mtcrnn play has ended: this page plays on until it is closed"
        played = page.evaluate("mtcrnn.sound.status.played")
        driver.wait_for(page, f"mtcrnn.sound.status.played > {played + 1000}")
