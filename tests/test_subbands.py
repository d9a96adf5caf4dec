"""The filter bank: reconstruction, what is in which band, blocks."""

import numpy as np
import pytest

from mtcrnn.audio.subbands import filter_bank

BANDS = [2, 4, 8, 16]


def analysed(bank, samples):
    return bank.analyse(np.float32(samples), np.zeros(len(bank.analysis) - 1, np.float32))


def decibels(signal):
    return 10 * np.log10(np.mean(np.square(signal, dtype=np.float64)))


@pytest.mark.parametrize("bands", BANDS)
def test_a_sound_comes_back_late(bands):
    bank, seed = filter_bank(bands), 3
    sound = np.float32(np.random.default_rng(seed).standard_normal(bands * 1000))
    out, _ = bank.synthesise(analysed(bank, sound)[None], bank.silence(1))
    late = bank.delay
    error = out[0, late:] - sound[: len(sound) - late]
    assert decibels(error) - decibels(sound) < -58, f"seed {seed}"


@pytest.mark.parametrize("bands", BANDS)
def test_a_tone_in_the_middle_of_a_band_is_in_no_other(bands):
    bank = filter_bank(bands)
    for k in range(bands):
        tone = np.sin(np.pi * (k + 0.5) / bands * np.arange(bands * 500))
        levels = [decibels(band) for band in analysed(bank, tone)[50:].T]
        others = max(level for j, level in enumerate(levels) if j != k)
        assert levels[k] - others > 60, k
        assert levels[k] == pytest.approx(decibels(tone), abs=0.1)


def test_blocks_of_any_size_give_the_same_bits():
    bank, seed = filter_bank(8), 4
    rng = np.random.default_rng(seed)
    sound, bands = np.float32(rng.standard_normal(800)), np.float32(rng.standard_normal((2, 100, 8)))
    whole = analysed(bank, sound)
    out, end = bank.synthesise(bands, bank.silence(2))
    for size in (1, 3, 99):
        before, parts, state, made = np.zeros(len(bank.analysis) - 1, np.float32), [], bank.silence(2), []
        for first in range(0, 100, size):
            block = sound[8 * first : 8 * (first + size)]
            parts.append(bank.analyse(block, before))
            before = np.concatenate([before, block])[len(block) :]
            samples, state = bank.synthesise(bands[:, first : first + size], state)
            made.append(samples)
        assert (np.concatenate(parts) == whole).all(), size
        assert (np.concatenate(made, axis=1) == out).all(), size
        assert (state == end).all()


def test_nothing_is_silence():
    bank = filter_bank(4)
    assert not analysed(bank, np.zeros(400)).any()
    assert not bank.synthesise(np.zeros((1, 50, 4), np.float32), bank.silence(1))[0].any()


@pytest.mark.parametrize("bands", [1, 4])
def test_a_sound_is_split_alike_in_any_blocks(bands):
    """One band is the sound itself."""
    bank, seed = filter_bank(bands), 5
    frames = np.float32(np.random.default_rng(seed).standard_normal((403, 2)))
    (whole,) = bank.split([frames], channels=2)
    assert whole.shape == (403 // bands, 2 * bands)
    for blocks in (np.array_split(frames, 7), [frames[:1], frames[1:1], frames[1:]]):
        assert (np.concatenate(list(bank.split(blocks, channels=2))) == whole).all(), f"seed {seed}"
    if bands == 1:
        assert (whole == frames).all()
