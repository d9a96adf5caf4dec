"""Linear prediction: against its closed form, a slow reference, and the engine's."""

import numpy as np
import pytest
import torch

from mtcrnn.codec import MuLaw
from mtcrnn.nets.linear_prediction import LinearPrediction, fit
from mtcrnn.prediction import HEARD, SILENT, Predictor, fit_all, predictors, scratch

SEED = 5


def ringing(count=HEARD, seed=SEED):
    """Three decaying resonances [count]."""
    rng, t = np.random.default_rng(seed), np.arange(count)
    parts = [np.exp(-t * rng.uniform(0, 0.01)) * np.cos(rng.uniform(0.1, 1.5) * t + rng.uniform(0, 6)) for _ in "abc"]
    return 0.2 * sum(parts)


def slow_fit(samples, predictor):
    """The normal equations, term by term."""
    x, order = samples[-predictor.window :], predictor.order
    own, wanted = np.zeros((order, order)), np.zeros(order)
    for t in range(order, len(x)):
        past, weight = x[t - order : t], predictor.decay ** (len(x) - 1 - t)
        own += weight * np.outer(past, past)
        wanted += weight * past * x[t]
    own += (predictor.noise * np.trace(own) / order + SILENT) * np.eye(order)
    return np.linalg.solve(own, wanted)


def test_a_tone_follows_its_recurrence():
    """x[t] = 2 cos(w) x[t-1] - x[t-2], whatever its amplitude and phase."""
    x = torch.from_numpy(0.3 * np.cos(0.4 * np.arange(HEARD) + 1))[None]
    found = fit(x, Predictor(2, HEARD, 100.0, 1e-12))[0]
    np.testing.assert_allclose(found, [-1, 2 * np.cos(0.4)], atol=1e-6)


@pytest.mark.parametrize("order", [1, 4, 16])
def test_the_fit_is_that_of_the_slow_reference_and_of_the_engine(order):
    for k, predictor in enumerate(predictors(order)):
        windows = np.stack([ringing(seed=seed) for seed in range(3)]).astype(np.float32)
        windows[2, -50:] += np.random.default_rng(1).normal(size=50, scale=0.1).astype(np.float32)
        found = fit(torch.from_numpy(windows).double(), predictor).numpy()
        for window, row in zip(windows, found, strict=True):
            np.testing.assert_allclose(row, slow_fit(window.astype(float), predictor), rtol=1e-7, atol=1e-9)
        compiled = np.zeros((3, 1, predictor.order), np.float32)
        fit_all(windows, np.array([HEARD]), k, np.empty(scratch(order)), compiled)
        np.testing.assert_allclose(compiled[:, 0], found, rtol=1e-5, atol=1e-6)


def test_silence_expects_silence():
    windows = torch.zeros(1, HEARD, dtype=torch.float64)
    for predictor in predictors(16):
        assert (fit(windows, predictor) == 0).all()


def test_what_rings_is_expected_to_ring_on():
    """After mu-law at 8 bits the precise predictor's place is within a code of the true one, mostly."""
    codec, net = MuLaw(256), LinearPrediction(256, 4, 16, 16)
    sound = ringing(HEARD + 64)
    codes = torch.from_numpy(codec.encode(sound))[None]
    with torch.no_grad():
        for table in net.expected:
            table.weight[:] = torch.arange(256.0)[:, None]
        net.expected[0].weight[:] = 0
        net.expected[1].weight[:, 1:] = 0
        out, _ = net(codes, net.init_state(1), torch.zeros(1, 1, 1), None)
    error = (out[0, HEARD:-1, 0] - codes[0, HEARD + 1 :]).abs()
    assert error.median() < 1, error


def test_scored_frames_are_those_of_the_whole():
    net = LinearPrediction(64, 8, 4, 6)
    codes = torch.from_numpy(MuLaw(64).encode(ringing(40)))[None].repeat(2, 1)
    state, made = tuple(part + 0.01 for part in net.init_state(2)), torch.zeros(1, 2, 1)
    whole, end = net(codes, state, made, None)
    frames = torch.tensor([1, 4, 9])
    some, after = net(codes, state, made, frames)
    steps = (4 * frames[:, None] + torch.arange(4)).flatten()
    torch.testing.assert_close(some, whole[:, steps])
    for one, other in zip(after, end, strict=True):
        torch.testing.assert_close(one, other)
