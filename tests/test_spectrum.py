"""Octave levels and kernel distances, against closed forms and a slow reference."""

import numpy as np
import pytest

from mtcrnn.evaluation.spectrum import kernel_distance, octave_levels, power_spectra

RATE = 16000


def test_the_level_of_a_tone_is_in_its_octave():
    tone = (0.5 * np.sin(2 * np.pi * 1500 * np.arange(RATE) / RATE)).astype(np.float32)
    hz, mean, floor = octave_levels(power_spectra([tone]), RATE)
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
    _, mean, floor = octave_levels(power_spectra([noise.astype(np.float32)]), RATE)
    assert mean[-1] - floor[-1] == pytest.approx(39, abs=1.5), f"seed {seed}"


def test_the_kernel_distance_is_that_of_plain_sums():
    seed = 3
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((12, 4)) + 1, rng.standard_normal((9, 4))
    u, v = ((rows - y.mean(axis=0)) / y.std(axis=0) for rows in (x, y))

    def k(a, b):
        return (a @ b / 4 + 1) ** 3

    within = [sum(k(s[i], s[j]) for i in range(len(s)) for j in range(len(s)) if i != j) for s in (u, v)]
    expected = within[0] / (12 * 11) + within[1] / (9 * 8) - 2 * np.mean([[k(a, b) for b in v] for a in u])
    assert kernel_distance(x, y) == pytest.approx(expected, rel=1e-6), f"seed {seed}"


def test_two_samples_of_one_distribution_are_near_and_others_are_not():
    seed = 4
    rng = np.random.default_rng(seed)
    one, same, other = rng.standard_normal((500, 8)), rng.standard_normal((500, 8)), rng.standard_normal((500, 8)) + 1
    assert abs(kernel_distance(one, same)) < 0.05, f"seed {seed}"
    assert kernel_distance(other, same) > 1, f"seed {seed}"
