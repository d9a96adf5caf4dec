"""Seconds per training step, in one run: the original's step loop, torch's fused GRU, and our GRU.

    python benchmarks/training_step.py [--hidden_size 256 --n_layers 4 --batch_size 128 --seq_len 256 --tfr 0.9]

Random codes stand in for sound, as the time does not depend on them. Every figure is the median of --repeats steps.
The variants take turns, so that their ratios hold even if the machine's speed drifts.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from mtcrnn.config.nets import Net
from mtcrnn.config.ranges import Range
from mtcrnn.config.tier import Tier
from mtcrnn.models.config import ModelConfig
from mtcrnn.models.model import Model, new_model
from mtcrnn.training.teacher_forcing import draw_forced, draw_uniforms, self_sampled_inputs


def step_loop(model: Model, values: Tensor, conditions: Tensor, forced: np.ndarray, u: Tensor) -> Tensor:
    """The loss as the original computes it: one Python step for each time step."""
    state, own, loss = model.net.init_state(len(values)), values[:, :1], torch.zeros(())
    for t in range(conditions.shape[1]):
        value = values[:, t : t + 1] if forced[t] else own
        raw, state = model(value, conditions[:, t : t + 1], state)
        loss = loss + model.distribution.losses(raw, values[:, t + 1 : t + 2]).mean()
        own = model.distribution.sample(raw.detach(), 1.0, u[:, t : t + 1])
    return loss / conditions.shape[1]


def two_passes(model: Model, values: Tensor, conditions: Tensor, forced: np.ndarray, u: Tensor) -> Tensor:
    """The loss as `mtcrnn.training` computes it."""
    past, state = values[:, :-1], model.net.init_state(len(values))
    if not forced.all():
        past = self_sampled_inputs(model, past, conditions, state, forced, u, 1.0)
    return model.distribution.losses(model(past, conditions, state)[0], values[:, 1:]).mean()


def with_plain_gru(model: Model) -> Model:
    """The same model with torch's own GRU."""
    plain = Model(model.config)
    ours = model.net.gru
    plain.net.gru = nn.GRU(ours.input_size, ours.hidden_size, ours.num_layers, batch_first=True)
    plain.module.load_state_dict(model.module.state_dict())
    return plain


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("hidden_size", 256), ("n_layers", 4), ("batch_size", 128), ("seq_len", 256), ("repeats", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--tfr", type=float, default=0.9)
    args = parser.parse_args()
    tier = Tier(prop=("rate",))
    model = new_model(ModelConfig(tier, Net("gru", args.hidden_size, args.n_layers), {"rate": Range(0, 1)}), 0)
    plain = with_plain_gru(model)
    rng = np.random.default_rng(0)
    B, T = args.batch_size, args.seq_len
    values = torch.from_numpy(rng.integers(256, size=(B, T + 1, 1)))
    conditions = torch.from_numpy(rng.random((B, T, 1), dtype=np.float32))
    u = torch.from_numpy(draw_uniforms(0, 1, B, T, 1))
    forced, mixed = np.ones(T, dtype=bool), draw_forced(0, 1, T, args.tfr)
    variants: dict[str, Callable[[], Tensor]] = {
        "step loop, torch GRU, teacher forced": lambda: step_loop(plain, values, conditions, forced, u),
        "fused, torch GRU, teacher forced": lambda: two_passes(plain, values, conditions, forced, u),
        "fused, our GRU, teacher forced": lambda: two_passes(model, values, conditions, forced, u),
        f"step loop, torch GRU, tfr {args.tfr:g}": lambda: step_loop(plain, values, conditions, mixed, u),
        f"two passes, torch GRU, tfr {args.tfr:g}": lambda: two_passes(plain, values, conditions, mixed, u),
        f"two passes, our GRU, tfr {args.tfr:g}": lambda: two_passes(model, values, conditions, mixed, u),
    }
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for repeat in range(args.repeats + 1):
        for name, loss in variants.items():
            start = time.perf_counter()
            loss().backward()
            if repeat:  # the first round warms up
                seconds[name].append(time.perf_counter() - start)
    print(json.dumps({"machine": platform.processor(), "threads": torch.get_num_threads(), **vars(args)}))
    slowest = statistics.median(seconds[f"step loop, torch GRU, tfr {args.tfr:g}"])
    for name, times in seconds.items():
        median = statistics.median(times)
        print(f"{name:42} {median:7.3f} s a step {slowest / median:6.2f} times the step loop at tfr {args.tfr:g}")


if __name__ == "__main__":
    main()
