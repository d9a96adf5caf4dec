"""Which frames the loss scores."""

from __future__ import annotations

import numpy as np
import pytest

from mtcrnn.training.scoring import EVEN_SHARE, draw_frames, frame_chances

FRAMES, STEPS = 32, 4


def window(seed: int, moving: list[int]) -> np.ndarray:
    """Codes [1, 1 + FRAMES STEPS, 2]: noise of one code up or down, and of 100 codes in the moving frames."""
    loud = np.isin(np.arange(FRAMES), moving).repeat(STEPS)
    codes = 127 + np.random.default_rng(seed).integers(-1, 2, (FRAMES * STEPS, 2)) * np.where(loud, 100, 1)[:, None]
    return np.concatenate([[[127, 127]], codes])[None].astype(np.uint8)


@pytest.mark.parametrize("drawn", [1, 5, 8, 31])
@pytest.mark.parametrize("moving", [[], [3], [3, 4, 20], list(range(10))])
def test_chances_sum_to_the_draws_and_favour_what_moves(drawn, moving):
    chances = frame_chances(window(len(moving), moving), FRAMES, drawn)
    assert chances.sum() == pytest.approx(drawn, abs=1e-6)
    assert chances.max() <= 1
    assert chances.min() >= EVEN_SHARE * drawn / FRAMES * (1 - 1e-9)
    if 0 < len(moving) < 5 and drawn < 31:
        still = np.delete(chances, [*moving, *(k + 1 for k in moving)])
        assert chances[0, moving].min() > 1.5 * still.max()


def test_silence_draws_all_frames_alike():
    chances = frame_chances(np.full((3, 1 + FRAMES * STEPS, 2), 127, np.uint8), FRAMES, 4)
    np.testing.assert_allclose(chances, 4 / FRAMES, rtol=1e-6)


@pytest.mark.parametrize("drawn", [1, 5, 8])
def test_the_weighted_mean_of_the_drawn_is_on_average_that_of_all(drawn):
    """Over evenly spaced starts, each frame is drawn as often as its chance says, and never twice at once."""
    chances = frame_chances(window(1, [3, 4, 20]), FRAMES, drawn)
    starts = (np.arange(20_000) + 0.5) / 20_000
    frames, weights = draw_frames(chances.repeat(len(starts), axis=0), drawn, starts)
    assert (np.diff(frames, axis=1) > 0).all()
    assert ((frames >= 0) & (frames < FRAMES)).all()
    assert weights.max() <= 1 / EVEN_SHARE + 1e-6
    drawn_as_often = np.bincount(frames.ravel(), minlength=FRAMES) / len(starts)
    np.testing.assert_allclose(drawn_as_often, chances[0], atol=2e-4)
    losses = np.random.default_rng(2).random(FRAMES)
    assert (losses[frames] * weights).mean() == pytest.approx(losses.mean(), abs=1e-3)
