"""Output distributions in torch: what a net's raw numbers mean, with a loss for training and a sampler.

A distribution has `size` (raw numbers per step) and `draws` (uniforms per sample). It works on values [..., G]: integer
codes for audio, normalised floats for parameters. Sampling is by inverse CDF from given uniforms, so the same raw
numbers and the same uniforms give the same value.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from mtcrnn.models.config import ModelConfig
from mtcrnn.models.constants import COMPONENTS, EDGE, LEAST_TEMPERATURE, STD_FLOOR
from mtcrnn.models.encoding import DistributionSpec, categorical, mixture, normal


class Distribution(Protocol):
    """The interface that training and generation use."""

    @property
    def size(self) -> int:
        """Raw numbers per step."""
        ...

    @property
    def draws(self) -> int:
        """Uniforms per sample."""
        ...

    def losses(self, raw: Tensor, values: Tensor) -> Tensor:
        """Negative log-likelihoods in nats per value: raw [..., size], values [..., G] -> [...], means over the G."""
        ...

    def sample(self, raw: Tensor, temperature: float, u: Tensor) -> Tensor:
        """Values [..., G] from raw [..., size] and uniforms u [..., draws] in [0, 1)."""
        ...


@dataclass(frozen=True)
class Categorical:
    """A categorical distribution over Q = `codes` codes: raw numbers are logits [..., Q], values are codes [..., 1]."""

    codes: int

    @property
    def size(self) -> int:
        """Q logits."""
        return categorical(self.codes).size

    @property
    def draws(self) -> int:
        """One uniform."""
        return categorical(self.codes).draws

    def losses(self, raw: Tensor, values: Tensor) -> Tensor:
        """Cross entropies in nats per sample."""
        return _cross_entropies(raw, values[..., 0])

    def sample(self, raw: Tensor, temperature: float, u: Tensor) -> Tensor:
        """The code k with cdf(k-1) <= u < cdf(k) of softmax(raw / temperature); temperature 0 takes the likeliest."""
        if temperature < LEAST_TEMPERATURE:
            return raw.argmax(dim=-1, keepdim=True)
        raw = _at_least_float32(raw)
        weights = torch.exp((raw - raw.amax(dim=-1, keepdim=True)) / temperature)
        cdf = weights.cumsum(dim=-1)
        below = cdf <= u.to(cdf.dtype) * cdf[..., -1:]
        return below.sum(dim=-1, keepdim=True).clamp_(max=self.codes - 1)


@dataclass(frozen=True)
class Gaussian:
    """Independent normals: raw numbers are G means, then G raw stds; values [..., G]; std = softplus(raw std).

    `measure` is the training loss: `nll`, or `mse`, the expected squared error of a sample (the original's loss
    without its sampling noise: (mean - value)^2 + std^2, which drives the std to zero).
    """

    generated: int
    measure: Literal["nll", "mse"] = "nll"

    @property
    def size(self) -> int:
        """G means and G raw stds."""
        return normal(self.generated).size

    @property
    def draws(self) -> int:
        """One uniform for each value."""
        return normal(self.generated).draws

    def losses(self, raw: Tensor, values: Tensor) -> Tensor:
        """In nats per value (for `mse`: in squared normalised units)."""
        mean, std = self._split(raw)
        if self.measure == "mse":
            return ((mean - values) ** 2 + std**2).mean(dim=-1)
        return -_log_normal(values, mean, std).mean(dim=-1)

    def sample(self, raw: Tensor, temperature: float, u: Tensor) -> Tensor:
        """Mean + std * temperature * z(u), with z the inverse normal CDF."""
        mean, std = self._split(raw)
        return mean + std * temperature * _normal_quantile(u, mean)

    def _split(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        mean, std = _at_least_float32(raw).chunk(2, dim=-1)
        return mean, functional.softplus(std).clamp_min(STD_FLOOR)


@dataclass(frozen=True)
class GaussianMixture:
    """A mixture of K normals for each value, with its own weights (Bishop 1994, mixture density networks).

    Raw numbers are the means [K, G], the raw stds [K, G] and the raw weights [K, G], flattened in that order.
    """

    generated: int
    measure: Literal["nll", "mse"] = "nll"
    components: int = COMPONENTS

    @property
    def size(self) -> int:
        """Means, raw stds and raw weights."""
        return mixture(self.generated, self.components).size

    @property
    def draws(self) -> int:
        """Two uniforms for each value: the first G choose the components, the other G the values."""
        return mixture(self.generated, self.components).draws

    def losses(self, raw: Tensor, values: Tensor) -> Tensor:
        """As `Gaussian.losses`; the likelihood is computed by log-sum-exp."""
        mean, std, log_weight = self._split(raw)
        values = values.unsqueeze(-2)
        if self.measure == "mse":
            return (log_weight.exp() * ((mean - values) ** 2 + std**2)).sum(dim=-2).mean(dim=-1)
        return -torch.logsumexp(log_weight + _log_normal(values, mean, std), dim=-2).mean(dim=-1)

    def sample(self, raw: Tensor, temperature: float, u: Tensor) -> Tensor:
        """A component by the inverse CDF of the weights, then a value from that component."""
        mean, std, log_weight = self._split(raw)
        choice, position = u.chunk(2, dim=-1)
        below = log_weight.exp().cumsum(dim=-2) <= choice.unsqueeze(-2).to(log_weight.dtype)
        component = below.sum(dim=-2, keepdim=True).clamp_(max=self.components - 1)
        mean, std = (part.gather(-2, component).squeeze(-2) for part in (mean, std))
        return mean + std * temperature * _normal_quantile(position, mean)

    def _split(self, raw: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Means, stds and log weights, each [..., K, G]."""
        parts = _at_least_float32(raw).reshape(*raw.shape[:-1], 3, self.components, self.generated)
        mean, std, weight = parts.unbind(dim=-3)
        return mean, functional.softplus(std).clamp_min(STD_FLOOR), functional.log_softmax(weight, dim=-2)


class BandedNet(Protocol):
    """A net whose raw numbers are only the beginning of its logits; see `nets.subband.SubbandNet`."""

    def logits(self, raw: Tensor, codes: Tensor) -> Tensor:
        """Logits [..., N, Q] of all bands, from raw [..., H] and the codes [..., N] of the same step."""
        ...

    def band_logits(self, raw: Tensor, codes: Tensor, band: int) -> Tensor:
        """Those of one band [..., Q], which read the codes of the bands below it."""
        ...


@dataclass(frozen=True)
class BandCodes:
    """A code for each of N bands, low bands first, each given those below it; values are codes [..., N]."""

    spec: DistributionSpec
    net: BandedNet

    @property
    def size(self) -> int:
        """N Q logits."""
        return self.spec.size

    @property
    def draws(self) -> int:
        """One uniform for each band."""
        return self.spec.draws

    def losses(self, raw: Tensor, values: Tensor) -> Tensor:
        """Cross entropies in nats per code, which are as many as samples."""
        return _cross_entropies(self.net.logits(raw, values), values).mean(dim=-1)

    def sample(self, raw: Tensor, temperature: float, u: Tensor) -> Tensor:
        """See `Categorical.sample`, band by band."""
        codes = torch.zeros((*raw.shape[:-1], self.draws), dtype=torch.int64, device=raw.device)
        one = Categorical(self.size // self.draws)
        for band in range(self.draws):
            logits = self.net.band_logits(raw, codes, band)
            codes[..., band : band + 1] = one.sample(logits, temperature, u[..., band : band + 1])
        return codes


def distribution_of(config: ModelConfig, net: Any, measure: Literal["nll", "mse"] = "nll") -> Distribution:
    """The distribution of a model; `measure` is the training loss of a parameter tier."""
    spec, generated = config.distribution, len(config.tier.generate)
    if spec.kind == "bands":
        return BandCodes(spec, net)
    if spec.kind == "categorical":
        return Categorical(spec.size)
    return GaussianMixture(generated, measure) if spec.kind == "mixture" else Gaussian(generated, measure)


def _cross_entropies(logits: Tensor, codes: Tensor) -> Tensor:
    """Those of logits [..., Q] and codes [...]: nats [...]."""
    rows = _at_least_float32(logits).flatten(0, -2)
    return functional.cross_entropy(rows, codes.flatten().long(), reduction="none").view(codes.shape)


def _at_least_float32(raw: Tensor) -> Tensor:
    """Raw numbers in float32 or float64, whatever the precision of the net."""
    return raw if raw.dtype == torch.float64 else raw.float()


def _log_normal(values: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    return -0.5 * ((values - mean) / std) ** 2 - std.log() - 0.5 * math.log(2 * math.pi)


def _normal_quantile(u: Tensor, like: Tensor) -> Tensor:
    return torch.special.ndtri(u.to(torch.float64).clamp(EDGE, 1 - EDGE)).to(like.dtype)
