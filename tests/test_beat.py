import numpy as np
import pytest

from helpers import SHARED, needs_real_data
from mtcrnn.audio import files as sound_files
from mtcrnn.listening.beat import beat

RATE = 16000


def clicks(rate_hz, seconds=6.0, jitter=0.0, seed=0):
    """Decaying tones of random pitch, `rate_hz` a second; `jitter` is the std of an interval, as a share of it."""
    rng = np.random.default_rng(seed)
    gaps = (1 + jitter * rng.standard_normal(round(seconds * rate_hz) + 2)) / rate_hz
    t = np.arange(RATE // 10) / RATE
    out = np.zeros(round((seconds + 1) * RATE))
    for at in np.cumsum(gaps)[:-1]:
        if at < seconds:
            first = round(at * RATE)
            hz = rng.uniform(400, 1200)
            out[first : first + len(t)] += rng.uniform(0.1, 0.5) * np.exp(-t * 60) * np.sin(2 * np.pi * hz * t)
    return (out[: round(seconds * RATE)] + 1e-4 * rng.standard_normal(round(seconds * RATE))).astype(np.float32)


@pytest.mark.parametrize("rate_hz", [2.0, 4.0, 7.3, 11.0, 23.7, 32.0])
def test_a_clockwork(rate_hz):
    found = beat(clicks(rate_hz), RATE)
    assert found.rate_hz == pytest.approx(rate_hz, rel=0.01)
    assert found.strength > 0.5


def test_the_looser_the_weaker():
    strengths = [beat(clicks(8.0, jitter=jitter), RATE).strength for jitter in (0.0, 0.05, 0.3)]
    assert strengths == sorted(strengths, reverse=True)
    assert strengths[-1] < 0.3 * strengths[0]


def test_other_sample_rates():
    sound = np.repeat(clicks(5.0), 3)
    assert beat(sound, 3 * RATE).rate_hz == pytest.approx(5.0, rel=0.01)
    assert beat(sound[: 2 * 44100], 44100).rate_hz == pytest.approx(5.0 * 44100 / 48000, rel=0.02)


@pytest.mark.parametrize("sound", [np.zeros(4 * RATE), np.ones(4 * RATE), clicks(4.0, 1.5)])
def test_sounds_without_a_beat(sound):
    assert beat(sound.astype(np.float32), RATE) is None


def test_noise_has_hardly_any():
    noise = 0.1 * np.random.default_rng(0).standard_normal(6 * RATE).astype(np.float32)
    assert beat(noise, RATE).strength < 0.15


@needs_real_data
def test_real_pops(tmp_path):
    import zipfile

    with zipfile.ZipFile(SHARED / "data" / "RegularPopsRandomPitch_16k.zip") as file:
        file.extractall(tmp_path)
    wavs = sorted(tmp_path.rglob("*.wav"))
    assert len(wavs) == 11
    for k, wav in enumerate(wavs):
        found = beat(sound_files.read(wav).samples, RATE)
        assert found.rate_hz == pytest.approx(2.0 ** (2 + 0.3 * k), rel=0.005), wav.name
        assert found.strength > 0.6
