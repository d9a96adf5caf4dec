"""`mtcrnn export`: pages that play models without a server, in real browsers."""

import json
import re
import shlex
import shutil

import numpy as np
import pytest
import soundfile
from safetensors.numpy import load_file, save_file

import firefox_driver
from helpers import RECIPE, run_cli
from live_driver import RANGES, RATE, save_model, save_stereo_model
from mtcrnn.config.nets import Net
from mtcrnn.config.ranges import Range
from mtcrnn.config.tier import Tier
from mtcrnn.core.errors import InputError
from mtcrnn.models.config import ModelConfig
from mtcrnn.models.model import new_model
from mtcrnn.runs import checkpoint
from mtcrnn.runs.packing import Texts
from mtcrnn.web.export import export

NASTY = "</script><script>alert(1)</script><b>"


def data_of(page):
    """What a page's script reads."""
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text())[1])


def test_a_page_is_one_file_that_asks_nobody(tmp_path):
    run = save_stereo_model(tmp_path / "run")
    size = export([run], tmp_path / "page.html", Texts("A <title>", "what it is", "CC0"))
    text = (tmp_path / "page.html").read_text()
    assert size == len(text.encode())
    assert "<title>A &lt;title&gt;</title>" in text
    assert "default-src 'none'" in text
    assert not re.search(r"""(src|href)=["'](?!data:)""", text.replace('href="http', "").replace("href=url", ""))
    (model,) = data_of(tmp_path / "page.html")["models"]
    assert [model[key] for key in ("name", "title", "about", "licence")] == ["run", "A <title>", "what it is", "CC0"]
    assert [control["name"] for control in model["controls"]] == ["hz", "gain"]
    assert (model["channels"], model["bands"], model["sample_rate"]) == (2, 4, 16000)


def test_a_page_with_16_bits_is_smaller_and_its_weights_are_nearly_the_same(tmp_path):
    run = save_stereo_model(tmp_path / "run")
    sizes = {bits: export([run], tmp_path / f"{bits}.html", bits=bits) for bits in (16, 32)}
    packed = {bits: len(data_of(tmp_path / f"{bits}.html")["models"][0]["planes"]) for bits in sizes}
    assert packed[16] < 0.75 * packed[32]


def test_what_was_there_is_kept_and_bad_input_writes_nothing(tmp_path, capsys):
    run, page = save_model(tmp_path / "run"), tmp_path / "page.html"
    page.write_text("mine")
    assert run_cli(capsys, "export", run, page)[0] == 0
    assert (tmp_path / "page.previous-1.html").read_text() == "mine"
    before = page.read_bytes()
    for words, message in [
        ([run, tmp_path / "page.txt"], "a page's name ends in .html"),
        ([run, run, page], "two models are called run"),
        ([tmp_path / "no", page], "no such model folder"),
        ([run, page, "--bits", "12"], "bits"),
        ([run, page, "--title", " "], "1 to 2000 characters"),
        ([run, page, "--step", "7"], "step"),
        ([page], "the following arguments are required"),
    ]:
        code, _, line = run_cli(capsys, "export", *words)
        assert code == 2, words
        assert message in line
        assert page.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page.html", "page.previous-1.html", "run"]


def test_broken_weights_and_several_tiers_are_refused(tmp_path):
    run = save_model(tmp_path / "run")
    (file,) = run.glob("model/*/weights.safetensors")
    weights = load_file(file)
    save_file({**weights, next(iter(weights)): np.full_like(next(iter(weights.values())), np.inf)}, file)
    with pytest.raises(InputError, match="weights are broken"):
        export([run], tmp_path / "page.html")
    (tmp_path / "two.toml").write_text(RECIPE.format(data=tmp_path, out=tmp_path))
    with pytest.raises(InputError, match="has 2 tiers: a page plays models of one tier"):
        export([tmp_path / "two.toml"], tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_models_of_parameters_are_refused(tmp_path):
    config = ModelConfig(Tier(("gain",), ("hz",), sample_rate=50), Net(hidden_size=8), RANGES)
    checkpoint.save(tmp_path / "run" / "model", new_model(config, 0))
    with pytest.raises(InputError, match="generates parameters, not sound"):
        export([tmp_path / "run"], tmp_path / "page.html")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


chromium = pytest.importorskip("page_driver", reason="playwright is not installed", exc_type=ImportError)
in_chromium = pytest.mark.skipif(chromium.CHROMIUM is None, reason="no Chromium here (Debian: apt install chromium)")
in_firefox = pytest.mark.skipif(
    firefox_driver.FIREFOX is None or shutil.which("pulseaudio") is None,
    reason="no Firefox with sound here (Debian: apt install firefox-esr pulseaudio)",
)


def play(page):
    page.click("#play")
    page.wait_for_selector("#play[aria-pressed=true]")


@pytest.mark.slow
@in_chromium
@pytest.mark.parametrize(("save", "bits"), [(save_model, 32), (save_stereo_model, 16), (save_stereo_model, 32)])
def test_a_take_is_what_generate_makes(save, bits, tmp_path, monkeypatch, capsys):
    """From a file, without a network: the recorded wav, and the saved gesture rendered offline, are the same sound."""
    run = save(tmp_path / "run")
    export([run], tmp_path / "page.html", bits=bits)
    with chromium.opened((tmp_path / "page.html").as_uri(), offline=True) as page:
        faults = chromium.faults_of(page)
        page.fill("#seed", "7")
        page.click("#record")
        play(page)
        for share in (0.1, 0.9, 0.5):
            chromium.slide(page, "gain", share)
            chromium.slide(page, "@temperature", share / 2)
            page.wait_for_timeout(300)
        heard = chromium.listen(page, 0.3, 2)
        page.click("#save")
        gesture = chromium.take(page, ".npy", tmp_path)
        command = shlex.split(page.inner_text("#takes code"))
        page.click("#play")
        wav = chromium.take(page, ".wav", tmp_path)
        assert not faults
        assert page.evaluate("mtcrnn.sound.latencies.values.length") > 0
    assert np.ptp(np.load(gesture)[0, :, -2]) > 0.7
    wav = wav.rename(tmp_path / "taken.wav")
    monkeypatch.chdir(tmp_path)
    assert command[:4] == ["mtcrnn", "generate", "--model_dir", "run"]
    (tmp_path / "output").mkdir()
    run.rename(tmp_path / "output" / "run")
    assert run_cli(capsys, *command[1:])[:2] == (0, "wrote run.wav\n")
    played, rate = soundfile.read(wav, dtype="int32")
    made, made_rate = soundfile.read("run.wav", dtype="int32")
    both = min(len(played), len(made))
    assert rate == made_rate
    assert both > rate // 2
    assert np.abs(heard).max() > 0.01
    np.testing.assert_array_equal(played[:both], made[:both])


ONE_RATE = """
  const Own = AudioContext;
  window.AudioContext = class extends Own {
    constructor(options) {
      if (![undefined, 44100].includes(options.sampleRate)) throw new DOMException("", "NotSupportedError");
      super({ ...options, sampleRate: 44100 });
    }
  };
"""


@pytest.mark.slow
@in_chromium
def test_where_the_browser_has_a_rate_of_its_own_the_page_resamples(tmp_path):
    """Noise of 4 kHz sound ends at 2 kHz; above, there is nothing but what the filter leaves."""
    export([save_model(tmp_path / "run")], tmp_path / "page.html")
    with chromium.opened((tmp_path / "page.html").as_uri(), offline=True, first=ONE_RATE) as page:
        faults = chromium.faults_of(page)
        play(page)
        page.wait_for_timeout(300)
        assert page.evaluate("mtcrnn.sound.context.sampleRate") == 44100
        before = page.evaluate("mtcrnn.sound.status.played")
        heard = chromium.listen(page, 1.0)
        made = page.evaluate("mtcrnn.sound.status.played") - before
        assert not faults
    assert RATE * 0.8 < made < RATE * 2
    assert np.sqrt(np.mean(heard**2)) > 0.01
    pieces = heard[: len(heard) // 2048 * 2048].reshape(-1, 2048)  # a busy page hears with gaps, which click
    power = np.abs(np.fft.rfft(pieces * np.hanning(2048))) ** 2
    hertz = np.fft.rfftfreq(2048, 1 / 44100)
    below, above = power[:, hertz < 1800].mean(1), power[:, hertz > 2400].mean(1)
    assert np.median(10 * np.log10(below / above)) > 60


@pytest.mark.slow
@in_chromium
def test_whatever_things_are_called_is_text(tmp_path):
    run = save_model(tmp_path / "run", ranges={NASTY: Range(0, 1, NASTY), "gain": Range(0, 1)})
    export([run], tmp_path / "page.html", Texts(NASTY, NASTY, NASTY))
    with chromium.opened((tmp_path / "page.html").as_uri(), offline=True) as page:
        faults = chromium.faults_of(page)
        assert page.inner_text("h1") == page.inner_text("#about") == NASTY
        assert page.inner_text("#licence") == f"Licence: {NASTY}"
        assert page.locator(".parameter").first.get_attribute("data-name") == NASTY
        assert page.locator("body b, body script").count() == 0
        play(page)
        assert not faults


@pytest.mark.slow
@in_chromium
def test_a_page_of_several_models(tmp_path):
    for name in ("one", "two"):
        save_model(tmp_path / name, seed=len(name))
    export([tmp_path / "one", tmp_path / "two"], tmp_path / "page.html")
    with chromium.opened((tmp_path / "page.html").as_uri(), offline=True) as page:
        assert page.inner_text("h1") == "one"
        page.select_option("#model", "two")
        page.wait_for_selector("h1:text-is('two')")
        page.wait_for_selector("#play:enabled")
        play(page)
        assert page.input_value("#model") == "two"


@pytest.mark.slow
@in_chromium
def test_where_ratios_count_sliders_move_by_them(tmp_path):
    save_model(tmp_path / "run", ranges={"hz": Range(10, 90, "Hz", log=True), "gain": Range(0, 1)})
    export([tmp_path / "run"], tmp_path / "page.html")
    with chromium.opened((tmp_path / "page.html").as_uri(), offline=True) as page:
        number = page.locator(".parameter[data-name='hz'] input[type=number]")
        assert float(number.input_value()) == 30
        chromium.slide(page, "hz", 0.75)
        assert float(number.input_value()) == pytest.approx(10 * 9**0.75, rel=1e-3)
        page.locator(".parameter[data-name='hz'] input[type=range]").press("ArrowDown")
        assert float(number.input_value()) == pytest.approx(10 * 9**0.74, rel=1e-3)
        number.fill("10")
        number.press("Enter")
        assert float(page.locator(".parameter[data-name='hz'] input[type=range]").input_value()) == 0
        play(page)


@pytest.mark.slow
@in_chromium
def test_a_browser_that_is_too_old_says_what_it_lacks(tmp_path):
    export([save_model(tmp_path / "run")], tmp_path / "page.html")
    address, old = (tmp_path / "page.html").as_uri(), "delete window.DecompressionStream"
    with chromium.opened(address, ready="#status.bad", first=old) as page:
        assert page.inner_text("#status") == "This browser has no DecompressionStream. A newer one plays this page."
        assert page.is_disabled("#play")


@pytest.mark.slow
@in_firefox
def test_a_page_plays_in_firefox(tmp_path):
    export([save_stereo_model(tmp_path / "run")], tmp_path / "page.html")
    with firefox_driver.opened((tmp_path / "page.html").as_uri(), tmp_path / "firefox") as page:
        page.wait_for("!document.querySelector('#play').disabled")
        page.click("#play")
        page.wait_for("mtcrnn.playing && mtcrnn.sound.context.currentTime > 0.5")
        slider = "document.querySelector('[data-name=gain] input[type=range]')"
        page.evaluate(f"({slider}.value = 900, {slider}.dispatchEvent(new Event('input')))")
        page.wait_for("mtcrnn.sound.latencies.values.length > 0")
        page.wait_for("Number.parseFloat(document.querySelector('#level-db').textContent) > -50")
