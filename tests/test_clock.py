"""The clock of a sound that repeats."""

import numpy as np
import pytest

from mtcrnn.audio.clock import HANDS, Setting, show, show_all

RATE = 16000


def test_the_hands_are_sines_and_cosines_of_one_two_and_four_turns_per_period():
    turns = np.concatenate([np.linspace(0, 3, 3001), [1e6 + 0.125, 1 - 1e-12, 2 - 2**-52]])
    hands = np.empty((len(turns), HANDS), np.float32)
    show_all(turns, hands)
    angles = 2 * np.pi * np.multiply.outer(turns, [1, 2, 4])
    expected = np.stack([np.sin(angles), np.cos(angles)], axis=2).reshape(len(turns), HANDS)
    np.testing.assert_allclose(hands, expected, atol=0.0012)
    one = np.zeros(HANDS + 3, np.float32)
    show(turns[77], one, 2)
    np.testing.assert_array_equal(one, [0, 0, *hands[77], 0])


def offsets_of(sound, hertz, sizes=(100000,)):
    """By how much the clocks are ahead at each hop [n, P], of parameters that say `hertz` [T, P]."""
    setting = Setting(RATE, np.median(hertz, axis=0) > 20)
    turns, at, k = np.cumsum(hertz, axis=0) / RATE, 0, 0
    while at < len(sound):
        end = at + sizes[k % len(sizes)]
        setting.add(sound[at:end].astype(np.float32), turns[at:end])
        at, k = end, k + 1
    return setting.offsets(np.median(hertz, axis=0))


@pytest.mark.parametrize("hertz", [27.5, 441.7, 3000])
@pytest.mark.parametrize("ahead", [-0.4, 0.1])
def test_a_clock_is_set_by_the_phase_of_a_tone(hertz, ahead):
    often = np.full((2 * RATE, 1), hertz)
    turns = np.cumsum(often[:, 0]) / RATE + ahead
    noise = 0.01 * np.random.default_rng(1).standard_normal(len(turns))
    sound = np.cos(2 * np.pi * turns) + 0.5 * np.sin(4 * np.pi * turns) + noise
    found = offsets_of(sound, often)
    assert np.abs(np.exp(2j * np.pi * (found - ahead)) - 1).max() < 0.05
    np.testing.assert_allclose(offsets_of(sound, often, (1, 977, 5000)), found, atol=1e-5)


def test_it_follows_a_tone_that_is_off_its_label_but_no_vibrato():
    often = np.full((4 * RATE, 1), 500.0)
    times = np.arange(len(often)) / RATE
    sound = np.cos(2 * np.pi * (500.4 * times + 0.2 * np.sin(2 * np.pi * 5 * times)))
    found = offsets_of(sound, often)[:, 0]
    middle = slice(600, 3400)  # hops of 1 ms
    line = 0.4 * np.arange(len(found)) / 1000
    assert np.ptp((found - line)[middle]) < 0.03


def test_a_rhythm_is_set_by_its_envelope_and_two_clocks_by_their_own():
    often = np.tile([5.0, 1000.0], (4 * RATE, 1))
    turns = np.cumsum(often, axis=0) / RATE
    swell = np.maximum(np.cos(2 * np.pi * (turns[:, 0] + 0.3)), 0) ** 4
    sound = swell * np.cos(2 * np.pi * (turns[:, 1] - 0.2))
    found = offsets_of(sound, often)
    away = np.abs(np.exp(2j * np.pi * (found - [0.3, -0.2])) - 1)
    assert away.max() < 0.1


@pytest.mark.parametrize("sound", [np.zeros(RATE), np.zeros(10), np.zeros(0)])
def test_silence_sets_no_clock(sound):
    found = offsets_of(sound, np.tile([5.0, 1000.0, 0.0], (max(len(sound), 1), 1)))
    assert (found == 0).all()
    assert Setting(RATE, np.zeros(3, bool)).at(np.arange(4), found).shape == (4, 3)
