"""A training state is compared with its model before anything is taken from it."""

import copy
import random
from contextlib import suppress

import pytest
import torch

from helpers import tiny_config, tiny_train, tone_set
from mtcrnn.core.errors import InputError
from mtcrnn.runs import checkpoint
from mtcrnn.training import run as training

CONFIG = tiny_config()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    here = tmp_path_factory.mktemp("states")
    data = tone_set(here / "data")
    saved = training.train(CONFIG.tier, CONFIG.net, tiny_train(data, here / "run", num_steps=2, batch_size=2))
    return saved, torch.load(checkpoint.state_file(saved.parent, 2), weights_only=True)


def resumed(run, state):
    saved, whole = run
    file = checkpoint.state_file(saved.parent, 2)
    torch.save(state, file)
    try:
        return checkpoint.load_train_state(saved).check_for(checkpoint.load(saved), "the state")
    finally:
        torch.save(whole, file)


def test_a_whole_state_passes(run):
    resumed(run, run[1])


def put(path, value):
    def change(state):
        *inside, last = path
        for key in inside:
            state = state[key]
        state[last] = value(state[last]) if callable(value) else value

    return change


WRONG = {
    "shape": (
        put(["optimiser", "state", 0, "exp_avg"], torch.zeros(3, 1)),
        "exp_avg of .* is .3, 1. float32, not .8, 2.",
    ),
    "larger": (put(["optimiser", "state", 0, "exp_avg_sq"], lambda t: t.repeat(9, 9)), "exp_avg_sq of .*, not .8, 2."),
    "type": (put(["optimiser", "state", 1, "exp_avg"], lambda t: t.double()), "float64, not .8. float32"),
    "sparse": (put(["optimiser", "state", 0, "exp_avg"], lambda t: t.to_sparse()), "exp_avg of"),
    "not finite": (put(["optimiser", "state", 0, "exp_avg"], lambda t: t * float("nan")), "holds NaN"),
    "step": (put(["optimiser", "state", 0, "step"], torch.zeros(2)), "the step of"),
    "an entry less": (lambda s: s["optimiser"]["state"].pop(0), "is for a model of"),
    "an entry more": (lambda s: s["optimiser"]["state"].update({99: s["optimiser"]["state"][0]}), "is for a model of"),
    "a name": (lambda s: s["optimiser"]["state"].update(x=s["optimiser"]["state"].pop(0)), "not numbered"),
    "a moment less": (lambda s: s["optimiser"]["state"][0].pop("exp_avg"), "not Adam's"),
    "no optimiser": (put(["optimiser"], None), "holds no optimiser"),
    "an optimiser without state": (put(["optimiser"], {}), "holds no optimiser"),
    "end": (put(["end"], "soon"), "the planned last step"),
    "end too long": (put(["end"], 10**30), "the planned last step"),
    "elapsed": (put(["elapsed"], float("inf")), "the elapsed time"),
    "elapsed as text": (put(["elapsed"], "1"), "the elapsed time"),
    "best": (put(["best"], (1.0,)), "the best loss"),
    "best as tensors": (put(["best"], torch.ones(2)), "the best loss"),
    "carried": (put(["carried"], 3), "the carried states"),
    "carried of another net": (put(["carried"], lambda c: (*c, *c)), "carried states; the net has"),
    "carried of other layers": (put(["carried"], lambda c: tuple(t[:1] for t in c)), "carried state 0 is"),
    "carried of other batches": (put(["carried"], lambda c: tuple(t[:, :1] for t in c)), "not of whole batches of 2"),
    "batch size": (put(["train", "batch_size"], 10**6), "`batch_size` 1000000 with `seq_len` 40 is too much"),
    "batch size that contradicts": (put(["train", "batch_size"], 5), "not of whole batches of 5 windows"),
    "an unknown option": (put(["train", "speed"], 5), "unknown key 'speed'"),
    "an option's type": (put(["train", "lr"], [1]), "lr: input should be a valid number"),
    "options": (put(["train"], 7), "options: "),
    "data": (put(["data"], {"a": (1, 2)}), "not three whole numbers for each file"),
    "a field less": (lambda s: s.pop("best"), "is not a training state"),
    "a field more": (put(["best"], 1), "the best loss"),
}


@pytest.mark.parametrize("case", WRONG)
def test_everything_wrong_is_one_line(run, case):
    change, message = WRONG[case]
    state = copy.deepcopy(run[1])
    change(state)
    with pytest.raises(InputError, match=message) as raised:
        resumed(run, state)
    assert "\n" not in str(raised.value)


def test_states_of_older_versions_pass(run):
    state = copy.deepcopy(run[1])
    del state["data"]
    resumed(run, state)


ODD = (None, -1, 0, 2**70, 1.5, float("nan"), "x", b"x", [], {}, (1,), True, torch.zeros(0), torch.zeros(2, 2, 2))


@pytest.mark.slow
def test_a_few_hundred_mutations_are_one_line_or_pass(run):
    rng = random.Random(5)
    for _ in range(400):  # anything but an InputError fails
        state = copy.deepcopy(run[1])
        place, key = state, rng.choice(list(state))
        while isinstance(place[key], dict) and place[key] and rng.random() < 0.8:
            place = place[key]
            key = rng.choice(list(place))
        place[key] = rng.choice(ODD)
        with suppress(InputError):
            resumed(run, state)
