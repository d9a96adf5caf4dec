import math

import numpy as np
import pytest
import torch

from mtcrnn.models.distributions import STD_FLOOR, Gaussian, GaussianMixture


def normal_cdf(z):
    return 0.5 * (1 + math.erf(z / math.sqrt(2)))


def raw_std(std):
    """The raw number whose softplus is std."""
    return math.log(math.expm1(std))


def log_density(x, mean, std):
    return -0.5 * ((x - mean) / std) ** 2 - math.log(std * math.sqrt(2 * math.pi))


def test_gaussian_loss_is_the_closed_form():
    raw = torch.tensor([[[0.2, 0.7, raw_std(0.5), raw_std(2.0)]]], dtype=torch.float64)
    values = torch.tensor([[[0.0, 1.0]]], dtype=torch.float64)
    expected = -(log_density(0.0, 0.2, 0.5) + log_density(1.0, 0.7, 2.0)) / 2
    assert float(Gaussian(2).losses(raw, values).mean()) == pytest.approx(expected, abs=1e-12)
    squared = (0.2**2 + 0.5**2 + 0.3**2 + 2.0**2) / 2
    assert float(Gaussian(2, "mse").losses(raw, values).mean()) == pytest.approx(squared, abs=1e-12)


def test_mixture_loss_is_the_closed_form():
    mean, std, weight = [0.0, 1.0, 3.0], [0.5, 1.0, 2.0], [0.2, 0.3, 0.5]
    raw = torch.tensor([[*mean, *map(raw_std, std), *map(math.log, weight)]], dtype=torch.float64)
    density = sum(w * math.exp(log_density(0.4, m, s)) for m, s, w in zip(mean, std, weight, strict=True))
    values = torch.tensor([[0.4]], dtype=torch.float64)
    assert float(GaussianMixture(1).losses(raw, values).mean()) == pytest.approx(-math.log(density), abs=1e-12)
    squared = sum(w * ((m - 0.4) ** 2 + s**2) for m, s, w in zip(mean, std, weight, strict=True))
    assert float(GaussianMixture(1, "mse").losses(raw, values).mean()) == pytest.approx(squared, abs=1e-12)


def test_mixture_layout_is_means_stds_weights_each_k_by_g():
    raw = torch.arange(18, dtype=torch.float64).reshape(1, 18) / 18
    mean, std, log_weight = GaussianMixture(2)._split(raw)
    assert mean[0].tolist() == (raw[0, :6].reshape(3, 2)).tolist()
    torch.testing.assert_close(std[0], torch.nn.functional.softplus(raw[0, 6:12].reshape(3, 2)))
    torch.testing.assert_close(log_weight[0].exp().sum(0), torch.ones(2, dtype=torch.float64))


@pytest.mark.parametrize("temperature", [0.0, 0.5, 1.0, 2.0])
def test_gaussian_samples_are_the_quantiles(temperature):
    u = torch.tensor([[0.5], [normal_cdf(1.0)], [normal_cdf(-2.0)]], dtype=torch.float64)
    raw = torch.tensor([[3.0, raw_std(0.5)]], dtype=torch.float64).expand(3, 2)
    expected = [3.0, 3.0 + 0.5 * temperature, 3.0 - temperature]
    assert Gaussian(1).sample(raw, temperature, u)[:, 0].tolist() == pytest.approx(expected, abs=1e-9)


def test_samples_stay_finite_at_the_ends_of_the_uniforms():
    u = torch.tensor([[0.0, 0.0], [1 - 2**-24, 1 - 2**-24]])
    assert GaussianMixture(1).sample(torch.zeros(2, 9), 1.0, u).isfinite().all()
    assert Gaussian(1).sample(torch.zeros(2, 2), 1.0, u[:, :1]).isfinite().all()


def test_mixture_samples_have_the_mixture_s_moments():
    n = 40000
    u = torch.from_numpy(np.random.default_rng(0).random((n, 2)))
    mean, std, weight = np.array([-2.0, 0.0, 3.0]), np.array([0.3, 0.5, 1.0]), np.array([0.5, 0.2, 0.3])
    numbers = [*mean, *map(raw_std, std), *np.log(weight)]
    samples = GaussianMixture(1).sample(torch.tensor(numbers, dtype=torch.float64).expand(n, 9), 1.0, u)
    expected = (weight * mean).sum()
    variance = (weight * (std**2 + mean**2)).sum() - expected**2
    assert float(samples.mean()) == pytest.approx(expected, abs=5 * math.sqrt(variance / n))  # seed 0
    assert float(samples.var()) == pytest.approx(variance, rel=0.05)


def test_a_collapsing_std_stops_at_the_floor():
    raw = torch.tensor([[0.5, -50.0]])
    loss = Gaussian(1).losses(raw, torch.tensor([[0.5]])).mean()
    assert float(loss) == pytest.approx(-log_density(0, 0, STD_FLOOR), rel=1e-5)
