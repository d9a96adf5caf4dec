"""A plain other way, to compare with: filtered noise, whose bands' levels a small GRU draws under the parameters.

Every 8 ms the GRU reads the levels of the last frame and the parameters, and says a normal distribution of each band's
next level, in dB. A frame is noise with these levels; frames overlap. It is trained on the levels of the recordings.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import torch
from numpy.typing import NDArray

from mtcrnn.audio import files as sound_files
from mtcrnn.config.ranges import Range, normalise
from mtcrnn.config.tier import Tier
from mtcrnn.data.dataset import ParamManager

FRAME, HOP, BANDS, UNITS = 512, 128, 48, 128
FLOOR_DB, SCALE_DB = -100.0, 20.0  # softest level; what the net reads is in steps of so many dB
BATCH, LENGTH = 16, 250  # frames of a window of training
LEAST_STD, NOISE = 0.02, 0.05


class Net(torch.nn.Module):
    """Levels and parameters -> means and logarithms of standard deviations [B, T, 2, BANDS]."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.gru = torch.nn.GRU(BANDS + count, UNITS, batch_first=True)
        self.out = torch.nn.Linear(UNITS, 2 * BANDS)

    def forward(
        self, levels: torch.Tensor, parameters: torch.Tensor, state: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Net`."""
        hidden, state = self.gru(torch.cat([levels, parameters], -1), state)
        return self.out(hidden).unflatten(-1, (2, BANDS)), state


@dataclass(frozen=True)
class Config:
    """What a player says of itself."""

    tier: Tier
    ranges: dict[str, Range]
    knows_ranges: bool = True


class NoiseBands:
    """A player; see `mtcrnn.rendering.player.Player`. Sounds of one batch share their noise generator."""

    def __init__(self, net: Net, config: Config) -> None:
        self.net, self.config = net, config
        self.edges = _edges(config.tier.sample_rate)

    def init(self, seed: int, batch: int = 1) -> Any:
        """See `Player.init`."""
        silent = torch.full((batch, 1, BANDS), FLOOR_DB / SCALE_DB)
        empty = np.zeros((batch, 0), np.float32)
        return np.random.default_rng(seed), None, silent, np.zeros((batch, FRAME)), empty

    @torch.no_grad()
    def render(self, state: Any, parameters: NDArray[Any], temperature: float | None = None) -> Any:
        """See `Player.render`; the temperature is that of training."""
        rng, hidden, levels, tail, ready = state
        tier, ranges = self.config.tier, self.config.ranges
        while ready.shape[1] < parameters.shape[1]:
            now = normalise(parameters[:, ready.shape[1]], ranges, tier.prop)
            raw, hidden = self.net(levels, torch.from_numpy(now)[:, None], hidden)
            noise = torch.from_numpy(rng.standard_normal(levels.shape).astype(np.float32))
            levels = (raw[:, :, 0] + noise * raw[:, :, 1].exp()).clamp(FLOOR_DB / SCALE_DB, 0)
            tail = tail + self._frame(levels[:, 0].numpy(), rng)
            ready = np.concatenate([ready, tail[:, :HOP].astype(np.float32)], axis=1)
            tail = np.concatenate([tail[:, HOP:], np.zeros((len(tail), HOP))], axis=1)
        made, ready = ready[:, : parameters.shape[1]], ready[:, parameters.shape[1] :]
        return made[..., None], (rng, hidden, levels, tail, ready)

    def _frame(self, levels: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float64]:
        """Noise [B, FRAME] with levels [B, BANDS]."""
        widths = np.diff(self.edges)
        power = np.repeat(10 ** (levels * SCALE_DB / 10) / widths, widths, axis=1)
        turns = np.exp(2j * np.pi * rng.random(power.shape))
        spectrum = np.zeros((len(levels), FRAME // 2 + 1), complex)
        spectrum[:, self.edges[0] : self.edges[-1]] = np.sqrt(power) * turns
        window = np.hanning(FRAME + 1)[:-1]
        return np.fft.irfft(spectrum) * FRAME / 2 * window * np.sqrt(2 / 1.5)


def learnt(prop: Sequence[str], data: Path, run: Path, minutes: float) -> tuple[NoiseBands, float]:
    """Train for so many minutes, or take what was trained; and how long that took, in seconds."""
    manager = ParamManager.at(data, None)
    files = [(sound_files.read(wav), file) for wav, file in manager.files()]
    rate = files[0][0].sample_rate
    curves = [np.stack([f.params[p].sample(rate / HOP, 0, len(s.samples) // HOP) for p in prop], -1) for s, f in files]
    low, high = (end(np.concatenate(curves), axis=0) for end in (np.min, np.max))
    ranges = {name: Range(float(a), float(b)) for name, a, b in zip(prop, low, high, strict=True)}
    net, weights = Net(len(prop)), run / "weights.pt"
    if weights.exists():
        net.load_state_dict(torch.load(weights, weights_only=True))
    else:
        run.mkdir(parents=True, exist_ok=True)
        levels = [_levels(sound.samples, rate) for sound, _ in files]
        _train(net, levels, [normalise(curve, ranges, prop) for curve in curves], minutes)
        torch.save(net.state_dict(), weights)
    return NoiseBands(net, Config(Tier(prop=tuple(prop), sample_rate=rate), ranges)), 60 * minutes


def _train(net: Net, levels: list[NDArray[np.float32]], curves: list[NDArray[np.float32]], minutes: float) -> None:
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    optimiser = torch.optim.Adam(net.parameters(), lr=0.002)
    started = time.perf_counter()
    while (elapsed := (time.perf_counter() - started) / 60 / minutes) < 1:
        optimiser.param_groups[0]["lr"] = 0.002 * (1 - 0.95 * elapsed)
        chosen = rng.integers(len(levels), size=BATCH).tolist()
        rows = [levels[k] for k in chosen]
        firsts = [int(rng.integers(len(row) - LENGTH)) for row in rows]
        part = torch.from_numpy(np.stack([r[f : f + LENGTH] for r, f in zip(rows, firsts, strict=True)]))
        under = torch.from_numpy(np.stack([curves[k][f + 1 : f + LENGTH] for k, f in zip(chosen, firsts, strict=True)]))
        raw, _ = net(part[:, :-1] + NOISE * torch.randn_like(part[:, :-1]), under, None)
        means, stds = raw[:, :, 0], raw[:, :, 1]
        loss = torch.nn.functional.gaussian_nll_loss(means, part[:, 1:], (2 * stds).exp(), eps=LEAST_STD**2)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()


def _edges(rate: int) -> NDArray[np.int64]:
    """The first frequency of each band, and one past the last; each band has one at least."""
    hz = librosa.mel_frequencies(n_mels=BANDS + 1, fmin=0, fmax=rate / 2)
    edges = np.maximum(np.round(hz / rate * FRAME).astype(int), 1)
    for k in range(BANDS):
        edges[k + 1] = max(edges[k + 1], edges[k] + 1)
    return edges


def _levels(samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """The levels of the bands of all frames [n, BANDS], in steps of `SCALE_DB`; their sum is a sound's mean square."""
    window = np.hanning(FRAME + 1)[:-1]
    padded = np.pad(samples, (FRAME // 2, FRAME // 2))
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::HOP] * window
    power = np.abs(np.fft.rfft(frames)) ** 2 * 2 / FRAME**2 / np.mean(window**2)
    edges = _edges(rate)
    bands = np.add.reduceat(power[:, : edges[-1]], edges[:-1], axis=1)
    return (np.maximum(10 * np.log10(bands + 1e-20), FLOOR_DB) / SCALE_DB).astype(np.float32)
