import subprocess
import sys

import numpy as np
import pytest

import mtcrnn
from helpers import tiny_model, tone_set
from mtcrnn.core.errors import InputError
from mtcrnn.runs import checkpoint


@pytest.fixture
def model(tmp_path):
    checkpoint.save(tmp_path / "run" / "model", tiny_model())
    return mtcrnn.load(tmp_path / "run")


def test_importing_is_light():
    code = "import sys, mtcrnn; assert not {'torch', 'numpy', 'numba'} & set(sys.modules); print(dir(mtcrnn))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for name in mtcrnn.__all__:
        assert repr(name) in done.stdout
        assert getattr(mtcrnn, name)
    with pytest.raises(AttributeError, match="module 'mtcrnn' has no attribute 'trian'"):
        _ = mtcrnn.trian


def test_a_gesture_is_heard_as_long_as_it_is(model):
    low, high = mtcrnn.gestures.constant(50, 0.1), mtcrnn.gestures.line(50, 100, 0.1)
    both = mtcrnn.render(model, np.stack([low, high]), seed=3)
    assert both.shape == (2, 100)
    np.testing.assert_array_equal(mtcrnn.render(model, low, seed=3), both[0])
    assert not np.array_equal(both[0], both[1])


@pytest.mark.slow
def test_training_takes_every_option(tmp_path):
    data = tone_set(tmp_path / "data")
    run = mtcrnn.train(data, ["pitch"], tmp_path / "run", num_steps=2, sample_rate=1000, hidden_size=8, seq_len=64)
    assert mtcrnn.load(run).config.net.hidden_size == 8
    with pytest.raises(InputError, match="train has no option 'hiden_size'"):
        mtcrnn.train(data, ["pitch"], tmp_path / "other", hiden_size=8)


@pytest.mark.parametrize(
    ("gesture", "rate"), [(np.zeros(5), 100), (np.zeros((0, 1)), 100), (np.zeros((5, 2)), 100), (np.zeros((5, 1)), 0)]
)
def test_bad_gestures(model, gesture, rate):
    with pytest.raises(InputError):
        mtcrnn.render(model, gesture, rate=rate)
    with pytest.raises(InputError, match="finite"):
        mtcrnn.render(model, np.full((5, 1), np.nan))
