import numpy as np
import pytest

from mtcrnn.core.errors import InputError
from mtcrnn.core.rng import PAGE_STEPS, Purpose, generator, play_uniforms


def test_uniforms_do_not_depend_on_block_or_batch():
    whole = play_uniforms(5, 3, 0, 2 * PAGE_STEPS + 10, 2)
    assert whole.shape == (3, 2 * PAGE_STEPS + 10, 2)
    assert whole.min() >= 0
    assert whole.max() < 1
    for first, count in ((0, 1), (PAGE_STEPS - 1, 2), (7, PAGE_STEPS), (PAGE_STEPS, 0), (1000, 1058)):
        assert (play_uniforms(5, 3, first, count, 2) == whole[:, first : first + count]).all()
    assert (play_uniforms(5, 1, 0, 100, 2) == whole[:1, :100]).all()


def test_streams_differ_by_seed_row_and_purpose():
    numbers = [
        generator(0, Purpose.BATCH, 0).random(),
        generator(0, Purpose.BATCH, 1).random(),
        generator(1, Purpose.BATCH, 0).random(),
        generator(0, Purpose.TEACHER_FORCING, 0).random(),
    ]
    assert len(set(numbers)) == 4
    u = play_uniforms(0, 2, 0, 500, 1)[..., 0]
    assert abs(np.corrcoef(u)[0, 1]) < 0.15  # 500 independent pairs: 3.3 standard errors


def test_negative_seed():
    with pytest.raises(InputError, match="a random seed is a whole number, 0 or above, not -1"):
        generator(-1, Purpose.PLAY)
