"""Scheduled sampling against the step loop: the same inputs, the same loss, the same gradients."""

import numpy as np
import pytest
import torch

from helpers import tiny_config
from mtcrnn.config.nets import NETS, Net
from mtcrnn.config.ranges import Range
from mtcrnn.config.tier import Tier
from mtcrnn.models.config import ModelConfig
from mtcrnn.models.model import new_model
from mtcrnn.training.teacher_forcing import draw_forced, draw_uniforms, self_sampled_inputs

B, T = 3, 30
AUDIO = tiny_config().tier
PARAMETERS = Tier(generate=("a", "b"), prop=("pitch",), sample_rate=50)


def make_model(tier, net):
    ranges = {name: Range(0.0, 1.0) for name in ("a", "b", "pitch")}
    model = new_model(ModelConfig(tier, Net(net, hidden_size=6, n_layers=2), ranges), 0)
    model.module.double()
    with torch.no_grad():
        for weight in model.module.parameters():
            weight.mul_(2)
    return model


def a_batch(model):
    rng = np.random.default_rng(0)
    if model.config.tier.is_audio:
        values = torch.from_numpy(rng.integers(16, size=(B, T + 1, 1)))
    else:
        values = torch.from_numpy(rng.random((B, T + 1, 2)))
    return values, torch.from_numpy(rng.random((B, T, 1)))


def step_loop(model, values, conditions, forced, u):
    """The original's way: one step at a time, the net's own sample where it is not forced. Inputs read, and loss."""
    state, seen, own, losses = model.net.init_state(B), [], None, []
    for t in range(T):
        value = values[:, t : t + 1] if forced[t] else own
        seen.append(value)
        raw, state = model(value, conditions[:, t : t + 1], state)
        losses.append(model.distribution.losses(raw, values[:, t + 1 : t + 2]).mean())
        if t + 1 < T:
            own = model.distribution.sample(raw.detach(), 1.0, u[:, t + 1 : t + 2])
    return torch.cat(seen, dim=1), torch.stack(losses).mean()


CASES = [(AUDIO, net) for net in ("gru", "gru-wide", "phased-lstm", "frame")]
CASES += [(PARAMETERS, net) for net in (name for name, spec in NETS.items() if spec.parameters)]


@pytest.mark.parametrize("rate", [0.0, 0.5, 0.9, 1.0])
@pytest.mark.parametrize(("tier", "net"), CASES, ids=[f"{net}-{tier.generate[0]}" for tier, net in CASES])
def test_inputs_loss_and_gradients_equal_the_step_loop(tier, net, rate):
    model = make_model(tier, net)
    values, conditions = a_batch(model)
    forced = draw_forced(0, 1, T, rate)
    u = torch.from_numpy(draw_uniforms(0, 1, B, T, model.distribution.draws))
    weights = list(model.module.parameters())

    seen, loss = step_loop(model, values, conditions, forced, u)
    expected = torch.autograd.grad(loss, weights)

    past = self_sampled_inputs(model, values[:, :-1], conditions, model.net.init_state(B), forced, u, 1.0)
    raw, _ = model(past, conditions, model.net.init_state(B))
    ours = model.distribution.losses(raw, values[:, 1:]).mean()
    torch.testing.assert_close(past, seen, rtol=0, atol=1e-9)
    torch.testing.assert_close(ours, loss, rtol=0, atol=1e-9)
    for mine, theirs in zip(torch.autograd.grad(ours, weights), expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-9)
    assert forced[0]
    assert (past[:, forced] == values[:, :-1][:, forced]).all()
    if rate < 1:
        assert (past != values[:, :-1]).any()


def test_steps_are_teacher_forced_at_the_given_rate():
    forced = np.concatenate([draw_forced(0, step, 101, 0.3)[1:] for step in range(50)])
    assert abs(forced.mean() - 0.3) < 0.035  # seed 0; 5000 draws: five standard deviations
