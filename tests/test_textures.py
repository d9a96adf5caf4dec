import numpy as np
import pytest

from helpers import run_cli
from mtcrnn import audio
from mtcrnn.errors import InputError
from mtcrnn.paramset import ParamManager
from mtcrnn.textures import write_texture


def pops_per_second(samples: np.ndarray, sample_rate: int) -> float:
    """From the first high peak in the autocorrelation of the onset strength (rises of the log envelope at 1 kHz)."""
    hop = sample_rate // 1000
    envelope = np.sqrt((samples[: len(samples) // hop * hop].reshape(-1, hop) ** 2).mean(axis=1))
    onsets = np.maximum(np.diff(np.log(envelope + 1e-3)), 0)
    onsets -= onsets.mean()
    correlation = np.fft.irfft(np.abs(np.fft.rfft(onsets, 2 * len(onsets))) ** 2)[: len(onsets)]
    lags = np.arange(20, 400)
    high = [
        k
        for k in lags
        if correlation[k] >= 0.5 * correlation[lags].max() and correlation[k] == correlation[k - 3 : k + 4].max()
    ]
    return 1000 / high[0]


def test_pops_come_at_the_rate_that_their_label_says(tmp_path):
    wavs = write_texture("pops", tmp_path / "pops", files=5, seconds=6)
    manager = ParamManager(tmp_path / "pops")
    for wav in wavs:
        sound = audio.read(wav)
        rate = manager.read(wav).params["rate"].values[0]
        assert pops_per_second(sound.samples, 16000) == pytest.approx(2 ** (2 + 3 * rate), rel=0.02)
        assert 0.2 < np.abs(sound.samples).max() <= 1
        assert abs(sound.samples.mean()) < 1e-3


def test_the_same_seed_makes_the_same_files(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_texture("pops", tmp_path / name, files=2, seconds=0.5, seed=seed)
    contents = {n: [p.read_bytes() for p in sorted((tmp_path / n).iterdir())] for n in "abc"}
    assert contents["a"] == contents["b"] != contents["c"]
    assert len(contents["a"]) == 4


def test_bad_requests_write_nothing(tmp_path, capsys):
    with pytest.raises(InputError, match=r"unknown texture 'pop' \(did you mean 'pops'\?\); known: pops"):
        write_texture("pop", tmp_path / "x")
    for option in ("--files", "--seconds", "--sample_rate"):
        code, _, err = run_cli(capsys, "texture", "pops", "--out", tmp_path / "x", option, "0")
        assert code == 2
        assert f"{option} is 0" in err
    (tmp_path / "there").mkdir()
    code, _, err = run_cli(capsys, "texture", "pops", "--out", tmp_path / "there")
    assert code == 2
    assert "there exists already" in err
    assert not (tmp_path / "x").exists()
