"""Octave levels and kernel distances, against closed forms and a slow reference."""

import numpy as np
import pytest

from mtcrnn.evaluation.spectrum import band_levels, coherence, kernel_distance, power_spectra

RATE = 16000


def test_the_level_of_a_tone_is_in_its_octave():
    tone = (0.5 * np.sin(2 * np.pi * 1500 * np.arange(RATE) / RATE)).astype(np.float32)
    hz, mean, floor = band_levels(power_spectra([tone]), RATE)
    assert hz.tolist() == [31.25 * 2**k for k in range(8)]
    at = hz.tolist().index(1000)
    assert mean[at] == pytest.approx(10 * np.log10(0.125), abs=0.05)  # the mean square of the tone
    assert floor[at] == pytest.approx(mean[at], abs=0.05)
    assert np.delete(mean, at).max() < mean[at] - 60


def test_the_noise_floor_is_that_of_the_quietest_tenth():
    seed = 2
    noise = np.random.default_rng(seed).standard_normal(20 * RATE)
    noise[: 16 * RATE] *= 0.1
    noise[16 * RATE :] *= 0.001
    _, mean, floor = band_levels(power_spectra([noise.astype(np.float32)]), RATE)
    assert mean[-1] - floor[-1] == pytest.approx(39, abs=1.5), f"seed {seed}"


def test_the_kernel_distance_is_that_of_plain_sums():
    seed = 3
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((12, 4)) + 1, rng.standard_normal((9, 4))
    u, v = (np.clip((rows - y.mean(axis=0)) / y.std(axis=0), -5, 5) for rows in (x, y))

    def k(a, b):
        return (a @ b / 4 + 1) ** 3

    within = [np.mean([[k(a, b) for b in s] for a in s]) for s in (u, v)]
    expected = sum(within) - 2 * np.mean([[k(a, b) for b in v] for a in u])
    assert kernel_distance(x, y) == pytest.approx(expected, rel=1e-6), f"seed {seed}"


def test_two_samples_of_one_distribution_are_near_and_others_are_not():
    seed = 4
    rng = np.random.default_rng(seed)
    one, same, other = rng.standard_normal((500, 8)), rng.standard_normal((500, 8)), rng.standard_normal((500, 8)) + 1
    assert 0 < kernel_distance(one, same) < 0.1, f"seed {seed}"
    assert kernel_distance(other, same) > 1, f"seed {seed}"


def test_parts_of_octaves_add_up_to_octaves():
    seed = 5
    noise = np.random.default_rng(seed).standard_normal(4 * RATE).astype(np.float32)
    power = power_spectra([noise])
    (hz, mean, _), (fine, parts, _) = (band_levels(power, RATE, n) for n in (1, 3))
    top = slice(int(np.flatnonzero(np.isclose(fine, 1000))[0]), None)
    added = 10 * np.log10((10 ** (parts[top] / 10)).reshape(-1, 3).sum(axis=1))
    np.testing.assert_allclose(added, mean[hz >= 1000], atol=1e-6)


def test_coherence_is_the_share_of_what_channels_have_in_common():
    """Channels a + b and a - b, with independent a and b, have a coherence of ((a - b) / (a + b))^2 in powers."""
    seed = 6
    a, b = np.random.default_rng(seed).standard_normal((2, 60 * RATE)) * np.array([[1.0], [0.5]])
    frames = np.stack([a + b, a - b], axis=1).astype(np.float32)
    np.testing.assert_allclose(coherence(frames, RATE)[2:], (0.75 / 1.25) ** 2, atol=0.04, err_msg=f"seed {seed}")
    assert coherence(np.stack([a, 0.3 * a], axis=1).astype(np.float32), RATE) == pytest.approx(1.0)
