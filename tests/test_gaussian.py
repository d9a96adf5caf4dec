"""The average of Gaussian processes, against scikit-learn's processes and against leaving values out."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF

from mtcrnn.listening import gaussian
from mtcrnn.listening.gaussian import Processes


@pytest.fixture
def inputs():
    rng = np.random.default_rng(4)
    return [("a", rng.standard_normal((40, 1))), ("b", rng.standard_normal((40, 3)))]


PLACES = np.array([3, 8, 21, 30, 35, 39])


def values_of(inputs):
    return np.sin(inputs[0][1][PLACES, 0]) + 3


def alone(monkeypatch, length=2.0, noise=0.1):
    monkeypatch.setattr(gaussian, "LENGTHS", (length,))
    monkeypatch.setattr(gaussian, "NOISES", (noise,))


def reference(x, values, scale, length=2.0, noise=0.1):
    kernel = scale * RBF(length, "fixed")
    model = GaussianProcessRegressor(kernel, alpha=scale * noise**2, optimizer=None)
    return model.fit(x[PLACES], values - values.mean())


def test_one_process_is_that_of_scikit_learn(inputs, monkeypatch):
    alone(monkeypatch)
    values, one = values_of(inputs), inputs[1:]
    found = Processes(one, PLACES, values, np.arange(6))
    model = reference(inputs[1][1], values, float(found._scale[0]))
    mean, deviation = model.predict(inputs[1][1], return_std=True)
    assert_allclose(found.predict()[0], mean + values.mean(), atol=1e-8)
    assert_allclose(found.predict()[1], deviation, atol=1e-6)
    scales = [0.9 * found._scale[0], found._scale[0], 1.1 * found._scale[0]]
    likelihoods = [reference(inputs[1][1], values, s).log_marginal_likelihood_value_ for s in scales]
    assert likelihoods[1] == max(likelihoods)  # the likeliest scale
    assert float(found._evidence[0]) == pytest.approx(likelihoods[1] + 3 * np.log(2 * np.pi))


def test_the_evidence_finds_the_input_that_the_values_follow(inputs):
    found = Processes(inputs, PLACES, values_of(inputs), np.arange(6))
    assert found.follows()[0][0] == "a"
    assert sum(share for _, share in found.follows()) == pytest.approx(1)
    rest = np.setdiff1d(np.arange(40), PLACES)
    near = np.abs(inputs[0][1][rest, 0]) < 1
    assert_allclose(found.predict()[0][rest[near]], np.sin(inputs[0][1][rest[near], 0]) + 3, atol=0.25)


@pytest.mark.parametrize("groups", [[0, 1, 2, 3, 4, 5], [0, 0, 1, 1, 1, 2]])
def test_what_the_others_say_is_what_is_learned_without_the_group(groups, inputs, monkeypatch):
    alone(monkeypatch)
    values, groups, x = values_of(inputs), np.array(groups), inputs[1][1]
    found = Processes(inputs[1:], PLACES, values, groups)
    for group, says in enumerate(found.others()):
        kept, out = groups != group, PLACES[groups == group]
        model = GaussianProcessRegressor(RBF(2.0, "fixed"), alpha=0.01, optimizer=None)
        model.fit(x[PLACES[kept]], values[kept] - values.mean())
        assert says == pytest.approx(model.predict(x[out]).mean() + values.mean()), group


def test_the_gain_is_by_how_much_the_variance_falls(inputs, monkeypatch):
    alone(monkeypatch)
    pool, values, x = np.arange(40), values_of(inputs), inputs[1][1]
    found = Processes(inputs[1:], PLACES, values, np.arange(6))
    scale = float(found._scale[0])
    before = reference(x, values, scale).predict(x, return_std=True)[1] ** 2
    for place in (0, 17, 39):
        model = GaussianProcessRegressor(scale * RBF(2.0, "fixed"), alpha=scale * 0.01, optimizer=None)
        more = np.append(PLACES, place)
        model.fit(x[more], np.zeros(7))
        after = model.predict(x, return_std=True)[1] ** 2
        assert found.gain(pool)[place] == pytest.approx((before - after).mean(), rel=1e-3, abs=1e-9), place
