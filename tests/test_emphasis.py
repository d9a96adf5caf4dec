"""The emphasis: what it does to spectra, its inverse, blocks, sounds without energy."""

import numpy as np
import pytest

from mtcrnn.audio.emphasis import Emphasis, edges, measure, raising

RATE, BANDS, SECONDS = 16000, 4, 60


def coloured(slope_db, seed):
    """A minute of noise whose level per hertz rises by so much an octave."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(SECONDS * RATE))
    hertz = np.maximum(np.fft.rfftfreq(SECONDS * RATE, 1 / RATE), 10)
    return np.fft.irfft(spectrum * (hertz / 1000) ** (slope_db / 20 / np.log10(2))).astype(np.float32)


def levels(sound):
    return 10 * np.log10(measure(np.split(sound, SECONDS), RATE, BANDS))


def test_octaves_of_the_lowest_band():
    assert edges(RATE, BANDS) == [1000, 500, 250, 125, 62.5]
    assert edges(48000, 8)[-1] == 46.875


@pytest.mark.parametrize("slope", [0, 3, 6])
def test_levels_and_what_raises_them(slope):
    sound = coloured(slope, seed := 3)
    assert np.diff(levels(sound)) == pytest.approx([-slope] * 5, abs=0.6), f"seed {seed}"
    steps = raising(measure(np.split(sound, SECONDS), RATE, BANDS), RATE, BANDS)
    emphasis = Emphasis.of(steps, RATE, BANDS)
    flat, _ = emphasis.run(sound[None], emphasis.rest(1))
    assert np.ptp(levels(flat[0])) < 3, f"seed {seed}"
    back, _ = emphasis.inverse.run(flat, emphasis.inverse.rest(1))
    assert np.abs(back - sound).max() < 1e-4 * np.abs(sound).max(), f"seed {seed}"


def test_its_response():
    """A tone comes out as `decibels` says; constant input is left at the gain of frequency 0."""
    emphasis = Emphasis.of((10, -20, 5, 0, 3), RATE, BANDS)
    for hertz in (0, 40, 300, 3000):
        tone = np.cos(2 * np.pi * hertz / RATE * np.arange(2 * RATE)).astype(np.float32)
        made, _ = emphasis.run(tone[None], emphasis.rest(1))
        gain = np.std(made[0, RATE:]) / np.std(tone[RATE:]) if hertz else made[0, -1]
        assert 20 * np.log10(gain) == pytest.approx(emphasis.decibels(np.array([hertz / RATE]))[0], abs=0.01)


def test_what_is_played_has_no_offset():
    """A constant dies away; from 20 Hz up, the emphasis is undone within 0.3 dB; without an emphasis, all stays."""
    emphasis = Emphasis.of((10, -20, 5, 0, 3), RATE, BANDS)
    undo = emphasis.played(RATE)
    made, _ = undo.run(np.full((1, 2 * RATE), 0.1, np.float32), undo.rest(1))
    assert abs(made[0, -1]) < 1e-6
    hertz = np.array([20, 50, 200, 1000, 7900]) / RATE
    np.testing.assert_allclose(undo.decibels(hertz) + emphasis.decibels(hertz), [-0.26, -0.04, 0, 0, 0], atol=0.02)
    plain = Emphasis.of((), RATE, BANDS)
    assert plain.played(RATE) is plain


def test_blocks_of_any_size_give_the_same_bits():
    emphasis, frames = Emphasis.of((4, -3, 2, 9, 1), RATE, BANDS), np.stack([coloured(3, 1), coloured(0, 2)])[:, :999]
    whole, end = emphasis.run(frames, emphasis.rest(2))
    state, parts = emphasis.rest(2), []
    for first in range(0, 999, 37):
        part, state = emphasis.run(frames[:, first : first + 37], state)
        parts.append(part)
    assert (np.concatenate(parts, axis=1) == whole).all()
    assert (state == end).all()
    assert (np.concatenate(list(emphasis.filtered(np.array_split(frames.T, 7)))) == whole.T).all()


@pytest.mark.parametrize("blocks", [[], [np.zeros(0, np.float32)], [np.zeros(100, np.float32)]])
def test_silence_has_none(blocks):
    steps = raising(measure(blocks, RATE, BANDS), RATE, BANDS)
    assert steps == (0,) * 5


def test_without_steps_a_sound_is_left_as_it_is():
    nothing, sound = Emphasis.of((), RATE, BANDS), coloured(3, 1)[None]
    assert (nothing.run(sound, nothing.rest(1))[0] == sound).all()


def test_what_is_far_below_is_not_raised_without_limit():
    """Of a lone tone, the octaves below it are raised by 30 dB, those above it are left."""
    tone = np.sin(2 * np.pi * 300 / RATE * np.arange(SECONDS * RATE)).astype(np.float32)
    steps = raising(measure(np.split(tone, SECONDS), RATE, BANDS), RATE, BANDS)
    gains = Emphasis.of(steps, RATE, BANDS).decibels(np.array([40, 80, 1500]) / RATE)
    assert gains[:2] - gains[2] == pytest.approx([30, 30], abs=8)


def test_what_is_above_the_loudest_octave_is_left_as_it_is():
    energy = np.array([1.0, 1.0, 4.0, 1.0, 0.5, 0.1])
    emphasis = Emphasis.of(raising(energy, RATE, BANDS), RATE, BANDS)
    gains = emphasis.decibels(np.array([1400, 700, 350, 175, 90, 45]) / RATE)
    assert gains == pytest.approx([0, 0, 0, 6, 9, 16], abs=1.5)
