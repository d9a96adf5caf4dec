"""Control values that a user gives: arrays from files, straight lines."""

import numpy as np
import pytest

from mtcrnn.config.ranges import Range
from mtcrnn.core.errors import InputError
from mtcrnn.core.files import array_bytes
from mtcrnn.data.curves import sample_array
from mtcrnn.rendering.parameters import External, Lines, check_range, load_array, parse_settings


@pytest.mark.parametrize("seed", range(10))
def test_lines_are_numpys_bit_for_bit_in_any_piece(seed):
    for case in range(20):
        check_lines(np.random.default_rng([seed, case]), (seed, case))


def check_lines(rng, seed):
    C, length, rate = rng.integers(1, 4), int(rng.integers(1, 3000)), int(rng.integers(1, 50000))
    points = rng.normal(size=(2, C)) * 10.0 ** rng.integers(-6, 6)
    points[1] = np.where(rng.random(C) < 0.2, points[0], points[1])
    lines = Lines(points, length)
    whole = np.stack([np.linspace(*points[:, c], length) for c in range(C)], axis=-1)
    stored = External(whole[None], float(rate))
    cuts = np.unique([0, *rng.integers(0, length + 1, 5), length])
    for first, last in zip(cuts.tolist(), cuts[1:].tolist(), strict=False):
        count = last - first
        assert (lines.rows(first, count) == whole[first:last]).all(), seed
        assert (lines.block(rate, first, count) == stored.block(rate, first, count)).all(), seed
    assert (lines.ends() == stored.ends()).all(), seed


def test_an_array_is_sampled_at_its_own_rate():
    ramp = External(np.arange(5.0)[None, :, None], 10.0)
    np.testing.assert_allclose(ramp.block(20, 1, 9)[0, :, 0], [0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4])
    assert ramp.ends().tolist() == [[0], [4]]
    assert (ramp.block(20, 1, 9) == sample_array(ramp.values, 10.0, 20, 1, 9)).all()


def test_settings():
    lines = parse_settings(["b=3", "a=0:4"], ["a", "b"], 5)
    assert lines.rows(0, 5).tolist() == [[0, 3], [1, 3], [2, 3], [3, 3], [4, 3]]
    for settings, message in {
        ("a=0",): "`set` lacks b",
        ("a=0", "b=1", "a=2"): "`set` names a twice",
        ("a=0:1:2",): "`set` a=0:1:2: write NAME=VALUE or NAME=FROM:TO, with numbers",
        ("a=nan",): "write NAME=VALUE",
        ("a=-1e308:1e308",): "write NAME=VALUE",
        ("c=1",): "this model has no parameter 'c'; it has a, b",
    }.items():
        with pytest.raises(InputError, match=message):
            parse_settings(settings, ["a", "b"], 5)


@pytest.mark.parametrize("dtype", ["<f8", ">f4", "<f2", "<i8", "|u1", "g"])
@pytest.mark.parametrize("shape", [(6,), (6, 1), (1, 6, 1), (2, 3, 1)])
def test_arrays_of_any_real_type_and_of_fewer_axes(tmp_path, dtype, shape):
    path = tmp_path / "a.npy"
    path.write_bytes(array_bytes(np.arange(6).reshape(shape).astype(dtype)))
    made = load_array(path, None, ["a"])
    assert made.dtype == np.float64
    assert made.shape == (shape if len(shape) == 3 else (1, 6, 1))
    assert made.ravel().tolist() == [0, 1, 2, 3, 4, 5]


BAD = {
    "0 rows": (np.zeros((1, 0, 2)), r"has no values: its shape is \[1, 0, 2\]"),
    "a number": (np.float64(3), r"has shape \[\]; it must be \[2, length, 2\] \(a, b\)"),
    "four axes": (np.zeros((1, 1, 1, 2)), r"has shape \[1, 1, 1, 2\]"),
    "width": (np.zeros((5, 3)), r"has shape \[1, 5, 3\]"),
    "sounds": (np.zeros((3, 5, 2)), "is for 3 sounds, but `batch_size` is 2"),
    "too many sounds": (np.zeros((4097, 1, 2)), "is for 4097 sounds; 4096 at most"),
    "nan": (np.array([[1, np.nan]]), "holds NaN or infinite values"),
    "too large": (np.array([["1e4000", "0"]]).astype(np.longdouble), "holds NaN or infinite values"),
    "complex": (np.zeros((5, 2), complex), "holds complex128; it must be one array of real numbers"),
    "bool": (np.zeros((5, 2), bool), "holds bool"),
    "text": (np.array([["x", "y"]]), "holds <U1"),
    "structured": (np.zeros((5, 2), [("a", "f8")]), r"holds \[.*\]; it must be one array of real numbers"),
}


@pytest.mark.parametrize("case", BAD)
def test_arrays_that_do_not_fit(tmp_path, case):
    array, message = BAD[case]
    (tmp_path / "a.npy").write_bytes(array_bytes(array))
    with pytest.raises(InputError, match=rf"a\.npy {message}"):
        load_array(tmp_path / "a.npy", 2, ["a", "b"])


def test_values_far_outside_the_trained_range(caplog):
    check_range("a", [0.0, 1.0], Range(0.0, 1.0), known=True)
    check_range("a", [-5.0, 1.0], Range(0.0, 1.0), known=False)
    assert not caplog.records
    check_range("a", [-5.0, 1.0], Range(0.0, 1.0), known=True)
    assert "a goes from -5 to 1, but the model was trained on 0 to 1" in caplog.text
    with pytest.raises(InputError, match=r"a goes from 0 to 1e\+300, but the model was trained on 0 to 1"):
        check_range("a", [0.0, 1e300], Range(0.0, 1.0), known=False)
