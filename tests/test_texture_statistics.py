"""Statistics of sound textures, against sounds of which they are known."""

import numpy as np
import pytest

from mtcrnn.listening import texture_statistics as ts
from mtcrnn.listening.texture_statistics import distances, statistics

RATE = 8000


def noise(seed, seconds=4):
    return np.random.default_rng(seed).standard_normal(RATE * seconds)


def test_the_filters_split_the_power():
    gains = ts.cochlear_filters(RATE, RATE)
    hz = np.fft.rfftfreq(RATE, 1 / RATE)
    inner = (hz > 100) & (hz < 3500)
    assert gains.shape == (ts.BANDS, RATE // 2 + 1)
    np.testing.assert_allclose((gains[:, inner] ** 2).sum(axis=0), 1.0)
    assert (np.diff(hz[gains.argmax(axis=1)]) > 0).all()


def test_a_tone_has_a_flat_envelope_in_its_band():
    t = np.arange(4 * RATE) / RATE
    found = statistics(np.sin(2 * np.pi * 1000 * t).astype(np.float32), RATE)
    band = found["means"].argmax()
    assert found["variations"][band] < 1e-3
    gain = ts.cochlear_filters(len(t), RATE)[band, 4000]  # at 1 kHz
    assert found["means"][band] == pytest.approx(gain**ts.COMPRESSION, rel=1e-3)


def test_noise_under_a_slow_swell():
    """The modulation band of the swell has the most power, and neighbouring bands swell together."""
    swell = 1 + 0.9 * np.sin(2 * np.pi * 8 * np.arange(4 * RATE) / RATE)
    plain, swelling = statistics(noise(1), RATE), statistics(noise(1) * swell, RATE)
    at = np.abs(ts.MODULATIONS_HZ - 8).argmin()
    assert (swelling["modulations"][5:].argmax(axis=1) == at).mean() > 0.9
    assert (plain["modulations"][5:].argmax(axis=1) == at).mean() < 0.1
    apart = len(ts.NEIGHBOURS) - 1
    assert swelling["correlations"][-5:].mean() > plain["correlations"][-5:].mean() + 0.3, apart


def test_the_same_texture_is_nearer_than_another():
    one, same = statistics(noise(2), RATE), statistics(noise(3), RATE)
    clicks = np.zeros(4 * RATE)
    clicks[:: RATE // 10] = 1.0
    other = statistics(clicks, RATE)
    assert all(far == 0 for far in distances(one, one).values())
    near, far = distances(one, same), distances(one, other)
    assert all(near[name] < far[name] for name in near), (near, far)


def test_silence_and_short_sounds():
    found = statistics(np.zeros(2 * RATE, np.float32), RATE)
    assert all(np.isfinite(values).all() for values in found.values())
    assert all(np.isfinite(list(distances(found, statistics(noise(4), RATE)).values())))
    with pytest.raises(ValueError, match="less than 1 s"):
        statistics(np.zeros(RATE - 1, np.float32), RATE)
