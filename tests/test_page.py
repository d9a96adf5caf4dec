"""The live page in a real browser: sound arrives, follows the hand, and what was played can be had again."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

import mtcrnn
from mtcrnn.config import Generate
from mtcrnn.evaluation.beat import onset_strength
from mtcrnn.rendering import generate
from mtcrnn.textures import write_texture

driver = pytest.importorskip("page_driver", reason="playwright is not installed", exc_type=ImportError)
pytestmark = pytest.mark.skipif(driver.CHROMIUM is None, reason="no Chromium here (Debian: apt install chromium)")

RATE = 16000


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """The quick start's model, smaller and sooner done (10 events a second at rate 0, 42 at rate 1)."""
    folder = tmp_path_factory.mktemp("quickstart")
    write_texture("pops", folder / "pops")
    mtcrnn.train(folder / "pops", ["rate"], folder / "run", num_steps=800, hidden_size=64, lpc_order=16)
    return folder / "run"


@pytest.fixture
def address(model):
    with driver.playing(model) as (_, address):
        yield address


def events(samples) -> float:
    """Onsets a second: peaks of the rising envelope that stand out."""
    rises = onset_strength(samples, RATE)
    peaks = (rises[1:-1] > rises[:-2]) & (rises[1:-1] >= rises[2:]) & (rises[1:-1] > 0.15)
    return peaks.sum() / (len(samples) / RATE)


def test_the_sound_follows_the_hand(address):
    with driver.opened(address) as page:
        faults = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
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


def test_a_take_renders_offline_to_the_same_samples(address, model, tmp_path):
    """The wav that the page recorded, and the gesture that it saved: the same sound."""
    with driver.opened(address) as page:
        page.fill("#seed", "7")
        page.click("#record")
        page.click("#play")
        page.wait_for_selector("#play[aria-pressed=true]")
        for share in (0.1, 0.9, 0.5):
            driver.slide(page, "rate", share)
            page.wait_for_timeout(300)
        page.click("#save")
        page.wait_for_selector("#takes a[download$='.npy']")
        page.click("#play")
        page.wait_for_selector("#takes a[download$='.wav']")
        for ending in ("npy", "wav"):
            with page.expect_download() as download:
                page.click(f"#takes a[download$='.{ending}']")
            download.value.save_as(tmp_path / f"take.{ending}")
    played, rate = soundfile.read(tmp_path / "take.wav", dtype="int32")
    gesture = np.load(tmp_path / "take.npy")
    again = Generate(str(model), gesture=str(tmp_path / "take.npy"), rand_seed=7, out=str(tmp_path / "again"))
    made, made_rate = soundfile.read(generate(again)[0], dtype="int32")
    both = min(len(played), len(made))
    assert rate == made_rate == RATE
    assert both > RATE // 2
    assert np.ptp(gesture[0, :, 0]) > 0.7
    np.testing.assert_array_equal(played[:both], made[:both])
