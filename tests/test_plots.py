import os
import tracemalloc

import matplotlib.image
import numpy as np
import pytest
from matplotlib.figure import Figure

from helpers import write_params, write_wav
from mtcrnn.core.errors import InputError
from mtcrnn.core.files import array_bytes
from mtcrnn.rendering import plots
from mtcrnn.rendering.plots import plot_files
from mtcrnn.runs.log import HEADER, RunLog


def test_sound_and_curves_share_a_picture(tmp_path):
    wav = write_wav(tmp_path / "a.wav", 0.5 * np.sin(np.arange(16000)), 16000)
    params = write_params(tmp_path / "b.params", rate=([0, 1], [0, 1]))
    np.save(tmp_path / "c.npy", np.linspace(0, 1, 100))
    out = plot_files([wav, params, tmp_path / "c.npy"], external_sr=100)
    assert out == tmp_path / "a.png"
    four, two = matplotlib.image.imread(out), matplotlib.image.imread(plot_files([wav], tmp_path / "x.png"))
    assert four.shape[0] > two.shape[0]
    assert four.shape[1] == two.shape[1]
    assert four[..., :3].std() > 0.05  # something is drawn


@pytest.mark.slow
def test_names_are_shown_as_they_are(tmp_path):
    """Dollars are no mathematics; what cannot be shown is escaped; what the font lacks is no trouble."""
    for name in ["a$x^2_1$b", "a$\\frac$", "tab\t", os.fsdecode(b"caf\xe9"), "水", "x" * 240]:
        wav = write_wav(tmp_path / "a.wav", 0.5 * np.sin(np.arange(4000)), 4000).rename(tmp_path / f"{name}.wav")
        assert plot_files([wav]).read_bytes().startswith(b"\x89PNG")
    ax = Figure().subplots()
    for draw, text in (
        (plots.sound_panels(np.ones(9, np.float32), 1000, "$a$\n")[0], "$a$\\n"),
        (plots.curve_panel(np.arange(3), np.arange(3), "\udce9"), "\\udce9"),
    ):
        draw(ax)
        assert text in (ax.get_title(loc="left"), ax.get_ylabel())


@pytest.mark.parametrize("shape", [(), (1,), (3,)])
def test_long_curves_keep_their_peaks(shape):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(1_234_567, *shape))
    values[777_777], values[99] = 100, -100
    kept, shown = plots.thinned(values)
    assert len(kept) == len(shown) <= plots.MOST_POINTS
    assert shown.shape[1:] == shape
    assert (shown.max(axis=0), shown.min(axis=0)) == (pytest.approx(100), pytest.approx(-100))
    assert abs(kept[shown.reshape(len(shown), -1)[:, 0].argmax()] - 777_777) <= 1_234_567 / len(kept) * 2
    short = values[: len(kept)]
    assert plots.thinned(short)[1] is short


@pytest.mark.parametrize(("rate", "window"), [(16000, 512), (44100, 1412), (48000, 1536), (250, 16)])
def test_a_spectrogram_has_a_window_of_32_ms_and_few_columns(rate, window):
    tone = np.sin(2 * np.pi * 0.125 * np.arange(60 * rate)).astype(np.float32)
    hop, decibels = plots._spectrogram(tone, rate)
    assert decibels.shape[0] == window // 2 + 1
    assert decibels.shape[1] <= plots.MOST_COLUMNS + 1
    assert (decibels[:, 3:-3].argmax(axis=0) == window // 8).all()  # an eighth of the rate
    assert hop == max(window // 4, -(-60 * rate // plots.MOST_COLUMNS))


def test_a_spectrogram_of_a_short_sound_is_that_of_all_its_frames():
    noise = np.random.default_rng(1).normal(size=4001).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(noise, 256), 512)[::128] * np.hanning(512)
    power = np.abs(np.fft.rfft(frames, axis=1)).T ** 2
    np.testing.assert_allclose(plots._spectrogram(noise, 16000)[1], 10 * np.log10(power), atol=0.01)


@pytest.mark.slow
def test_memory_of_a_long_sound_is_little_beside_the_sound(tmp_path):
    sound = np.zeros(44100 * 600, np.float32)  # 106 MB
    tracemalloc.start()
    try:
        plots.save(plots.sound_panels(sound, 44100, "long"), "time (s)", tmp_path / "a.png")
        assert tracemalloc.get_traced_memory()[1] < 250_000_000  # as much as for an hour: 2000 frames of 1412 samples
    finally:
        tracemalloc.stop()


def test_losses_of_a_run(tmp_path):
    with RunLog(tmp_path, "{}") as log:
        for step in (10, 20):
            log.add(step, {"loss": 1 / step, "samples_per_s": 100.0, "held_out": 0.2})
    assert plot_files([tmp_path]) == tmp_path / "losses.png"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"x", r"a\.txt: this cannot be drawn"),
        ("a.npy", array_bytes(np.zeros((2, 0))), r"a\.npy has shape \[2, 0\]; it must hold values, all of them finite"),
        ("a.npy", array_bytes(np.array([np.nan])), "all of them finite"),
        ("a.npy", array_bytes(np.zeros(3, bool)), "holds bool; it must be one array of real numbers"),
        ("a.npy", array_bytes(np.zeros((11, 3, 10))), "110 panels are too many for one picture; 100 at most"),
        ("a.npy", array_bytes(np.array([-1.7e308, 1.7e308])), "this cannot be drawn: "),
        ("a.params", b'{"a": {"times": [0, 1], "values": [0, 1]}, "b": 3}', r"a\.params: b: input should be"),
        ("a.params", b"{}", "nothing to draw"),
        ("traininglog.txt", b"", r"traininglog\.txt is not a training log"),
        ("traininglog.txt", HEADER.encode() + b"1\tx\n", r"traininglog\.txt, line 2: not a row of a training log"),
        ("a.npy", b"", r"a\.npy cannot be read as a plain \.npy array"),
        ("a.npy", b"x", r"a\.npy cannot be read as a plain \.npy array"),
        ("traininglog.txt", b"x", r"traininglog\.txt is not a training log"),
        ("gone.wav", None, r"gone\.wav: no such file"),
        ("a.wav", b"x", r"a\.wav cannot be read as sound"),
    ],
)
def test_what_cannot_be_drawn(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        plot_files([tmp_path / name], external_sr=1)
    assert not list(tmp_path.glob("*.png"))


def test_a_log_whose_last_line_is_half_written(tmp_path):
    with RunLog(tmp_path, "{}") as log:
        log.add(1, {"loss": 1.0, "samples_per_s": 1.0})
    with open(tmp_path / "log" / "traininglog.txt", "a") as file:
        file.write("2\t0.")
    assert plot_files([tmp_path]).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("folder", r"`out` .*folder is a folder; give the name of a picture"),
        ("a.wav", r"`out` .*a\.wav: the name of a picture must end in \.eps, "),
    ],
)
def test_where_no_picture_goes(tmp_path, out, message):
    (tmp_path / "folder").mkdir()
    wav = write_wav(tmp_path / "a.wav", 0.5 * np.sin(np.arange(4000)), 4000)
    before = wav.read_bytes()
    with pytest.raises(InputError, match=message):
        plot_files([wav], tmp_path / out)
    with pytest.raises(InputError, match=message):
        plots.save([], "", tmp_path / out)
    assert wav.read_bytes() == before


def test_a_folder_without_a_log(tmp_path):
    with pytest.raises(InputError, match=r"no such file, or a folder without traininglog\.txt"):
        plot_files([tmp_path])


def test_arrays_need_their_rate_and_losses_stand_alone(tmp_path):
    np.save(tmp_path / "c.npy", np.zeros(5))
    with pytest.raises(InputError, match="`external_sr`"):
        plot_files([tmp_path / "c.npy"])
    with RunLog(tmp_path, "{}") as log:
        log.add(1, {"loss": 1.0, "samples_per_s": 1.0})
    with pytest.raises(InputError, match="do not share an axis"):
        plot_files([tmp_path, tmp_path / "c.npy"], external_sr=1)
    for rate in (0, 1e-300, float("inf"), float("nan")):
        with pytest.raises(InputError, match=f"`external_sr` is {rate}; it must be 0.001 to 1000000 values per second"):
            plot_files([tmp_path / "c.npy"], external_sr=rate)
