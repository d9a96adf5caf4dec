import json

import numpy as np
import pytest

from helpers import write_params
from mtcrnn.config.ranges import Range, normalise, restore
from mtcrnn.core.errors import InputError
from mtcrnn.data.curves import sample_array
from mtcrnn.data.params import Param, ParamFile, range_of


def curve(times, values, **more):
    return Param(times=times, values=values, **more)


def test_sampling_is_linear_between_knots_and_held_outside():
    p = curve([1.0, 2.0, 4.0], [10.0, 20.0, 0.0])
    sampled = p.sample(rate=2.0, first=0, count=10)  # 0, 0.5, ... 4.5 s
    assert sampled.tolist() == [10, 10, 10, 15, 20, 15, 10, 5, 0, 0]


def test_sampling_in_pieces_is_sampling_at_once():
    p = curve([0.0, 0.31, 7.7], [0.1, 0.9, 0.3])
    whole = p.sample(16000 / 3, 0, 1000)
    pieces = np.concatenate([p.sample(16000 / 3, first, 77) for first in range(0, 1001, 77)])
    assert (pieces[:1000] == whole).all()


def test_arrays_are_sampled_by_the_same_rule():
    array = np.array([[[0.0], [10.0], [20.0]]])  # at 2 a second: 0, 0.5, 1 s
    assert sample_array(array, 2.0, 8.0, 0, 11)[0, :, 0].tolist() == [0, 2.5, 5, 7.5, 10, 12.5, 15, 17.5, 20, 20, 20]
    pieces = np.concatenate([sample_array(array, 2.0, 7.3, k, 1) for k in range(9)], axis=1)
    assert (pieces == sample_array(array, 2.0, 7.3, 0, 9)).all()
    assert sample_array(np.full((1, 1, 1), 4.0), 2.0, 8.0, 0, 3)[0, :, 0].tolist() == [4, 4, 4]


def test_files_keep_what_they_do_not_know(tmp_path):
    path = tmp_path / "a.params"
    content = {
        "meta": {"filename": "other.wav", "author": "x"},
        "rate": {"times": [0, 1], "values": [0.5, 0.5], "nvals": 11, "origMinval": 2, "colour": "red"},
    }
    path.write_text(json.dumps(content))
    ParamFile.read(path).write(path)
    assert json.loads(path.read_text()) == content


BAD = {
    "text": ({"times": [0, "x"], "values": [0, 1]}, r"a\.params: p: times\[1\]: input should be a valid number.*'x'"),
    "nan": ({"times": [0, 1], "values": [0, float("nan")]}, r"p: values\[1\]: input should be a finite number"),
    "few": ({"times": [0], "values": [1]}, "p: 1 knots; a curve needs at least two"),
    "differ": ({"times": [0, 1, 2], "values": [1, 2]}, "p: 3 times but 2 values; give as many of each"),
    "order": ({"times": [0, 2, 1], "values": [1, 2, 3]}, r"p: times must increase, but times\[2\] = 1 follows 2"),
    "equal": ({"times": [0, 0], "values": [1, 2]}, r"p: times must increase, but times\[1\] = 0 follows 0"),
    "missing": ({"times": [0, 1]}, "p: values: field required"),
    "list": ([0, 1], "p: input should be .*Param"),
    "range": ({"times": [0, 1], "values": [0, 1], "minval": 3, "maxval": 2}, "p: minval 3 is above maxval 2"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_curves_name_file_and_place(tmp_path, case):
    content, message = BAD[case]
    path = tmp_path / "a.params"
    path.write_text(json.dumps({"meta": {}, "p": content}))
    with pytest.raises(InputError, match=message):
        ParamFile.read(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"meta": {},\n "p": [1,}', r"a\.params, line 2: broken JSON"),
        ("", r"a\.params, line 1: broken JSON"),
        ("[]", "must be a JSON object, not a list"),
        ('{"meta": 3}', "meta must be a JSON object"),
        ("[" * 100000, "nested too deeply"),
    ],
)
def test_broken_files(tmp_path, text, message):
    path = tmp_path / "a.params"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        ParamFile.read(path)


def test_a_missing_parameter_names_the_file_and_lists_what_it_has(tmp_path):
    path = write_params(tmp_path / "a.params", rate=([0, 1], [0, 1]), gain=([0, 1], [0, 1]))
    with pytest.raises(InputError, match=r"a\.params has no parameter 'pitch'; it has rate, gain"):
        ParamFile.read(path).get("pitch", path)


def test_range_is_the_declared_one_only_where_it_holds_every_value():
    inside = [curve([0, 1], [0.2, 0.4], minval=0, maxval=1, units="norm"), curve([0, 1], [0, 0.9], minval=0, maxval=2)]
    assert range_of(inside) == Range(0, 2, "norm")
    outside = [curve([0, 1], [100, 440], minval=0, maxval=1)]
    assert range_of(outside) == Range(100, 440)
    undeclared = [inside[0], curve([0, 1], [3, 4])]
    assert range_of(undeclared) == Range(0.2, 4, "norm")


def test_normalise_and_restore_are_inverse():
    ranges = {"hz": Range(100, 300), "constant": Range(5, 5)}
    values = np.array([[[100.0, 5.0], [200.0, 5.0]]])
    scaled = normalise(values, ranges, ["hz", "constant"])
    assert scaled.tolist() == [[[0, 0], [0.5, 0]]]
    assert restore(scaled, ranges, ["hz", "constant"]).tolist() == values.tolist()
