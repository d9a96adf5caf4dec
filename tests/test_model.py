import resource

import numpy as np
import pytest
import torch

from helpers import tiny_config, tiny_model
from mtcrnn.config.nets import NETS, Net, canonical_net
from mtcrnn.config.ranges import Range
from mtcrnn.config.tier import Tier
from mtcrnn.core.errors import InputError
from mtcrnn.models.config import ModelConfig
from mtcrnn.models.distributions import Categorical
from mtcrnn.models.model import MOST_WEIGHTS, Model, misfits, new_model, weight_shapes
from mtcrnn.models.nets import make_net


def step_by_step_gru(net, x, h):
    """The net's equations, one step and one layer at a time (PyTorch's GRU, written out)."""
    out = []
    h = list(h)
    for t in range(x.shape[1]):
        y = torch.relu(x[:, t] @ net.inward.weight.T + net.inward.bias)
        for layer in range(net.gru.num_layers):
            w_i, w_h, b_i, b_h = (
                getattr(net.gru, f"{n}_l{layer}") for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            )
            ir, iz, in_ = (y @ w_i.T + b_i).chunk(3, dim=1)
            hr, hz, hn = (h[layer] @ w_h.T + b_h).chunk(3, dim=1)
            z = torch.sigmoid(iz + hz)
            n = torch.tanh(in_ + torch.sigmoid(ir + hr) * hn)
            h[layer] = y = (1 - z) * n + z * h[layer]
        out.append(y @ net.head.weight.T + net.head.bias)
    return torch.stack(out, dim=1), torch.stack(h)


def test_gru_is_its_equations():
    net = make_net(Net("gru", 5, 2), 3, 7).double()
    x = torch.randn(4, 6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    raw, (h,) = net(x, net.init_state(4))
    expected, h_expected = step_by_step_gru(net, x, torch.zeros(2, 4, 5, dtype=torch.float64))
    torch.testing.assert_close(raw, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(h, h_expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", NETS)
def test_every_net_gives_the_same_in_one_call_in_pieces_and_in_steps(name):
    net = make_net(Net(name, 5, 2, frame_size=4), 3, 7).double()
    x = torch.rand(2, 9, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    whole, end = net(x, net.init_state(2))
    for sizes in ([1] * 9, [4, 5], [8, 1]):
        state, pieces = net.init_state(2), []
        for piece in x.split(sizes, dim=1):
            raw, state = net(piece, state)
            pieces.append(raw)
        torch.testing.assert_close(torch.cat(pieces, dim=1), whole, rtol=0, atol=1e-12)
        for ours, theirs in zip(state, end, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


def test_nets_by_number_and_unknown_names():
    assert canonical_net("0") == "gru"
    with pytest.raises(InputError, match=r"unknown net 'grru' \(did you mean 'gru'\?\); known: gru"):
        canonical_net("grru")


def test_weights_are_a_pure_function_of_the_seed():
    torch.manual_seed(1)
    first = torch.rand(1)
    torch.manual_seed(1)
    one, two, other = (new_model(tiny_config(), seed).module.state_dict() for seed in (5, 5, 6))
    assert torch.rand(1) == first, "torch's global generator was touched"
    assert all((one[k] == two[k]).all() for k in one)
    assert any((one[k] != other[k]).any() for k in one)


def config_of(name, hidden, layers):
    generate = ("audio",) if NETS[name].audio else ("p", "q", "r")
    ranges = dict.fromkeys("abpqr", Range(0.0, 1.0))
    split = {"bands": 4, "mulaw_channels": 15} if NETS[name].banded else {}
    return ModelConfig(Tier(generate, ("a", "b"), onehot=name == "gru", **split), Net(name, hidden, layers), ranges)


@pytest.mark.parametrize("name", NETS)
def test_the_shapes_of_a_model_are_known_before_it_is_made(name):
    config = config_of(name, 5, 3)
    torch.manual_seed(1)
    first = torch.rand(1)
    torch.manual_seed(1)
    shapes = weight_shapes(config)
    assert torch.rand(1) == first, "torch's global generator was touched"
    weights = new_model(config, 0).module.state_dict()
    assert shapes == {name: tuple(tensor.shape) for name, tensor in weights.items()}
    assert not misfits(shapes, weights)


@pytest.mark.parametrize("name", NETS)
def test_the_largest_nets_are_refused_before_anything_is_allocated(name):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(
        InputError, match=f"`net` {name} `hidden_size` 16384 `n_layers` 64.* weights; 536,870,912 at most"
    ):
        new_model(config_of(name, 16384, 64), 0)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KB


def test_the_largest_net_that_is_taken():
    # 3 H H twice a layer, and what is small beside it
    layers = 6 * 4096**2
    assert 5 * layers < MOST_WEIGHTS < 6 * layers
    assert sum(np.prod(shape) for shape in weight_shapes(config_of("gru", 4096, 5)).values()) < MOST_WEIGHTS
    with pytest.raises(InputError, match="`n_layers` 6 makes 60"):
        weight_shapes(config_of("gru", 4096, 6))


def test_misfits_are_named():
    shapes = {"a": (2, 3), "b": (4,), "c": ()}
    weights = {"a": np.zeros((3, 2)), "b": np.zeros(4), "d": np.zeros(1)}
    assert misfits(shapes, weights) == ["c is missing", "d is not known", "a is [3, 2], not [2, 3]"]


def test_features_scaled_and_one_hot():
    past, conditions = torch.tensor([[[0], [15]]]), torch.tensor([[[0.25], [0.75]]])
    scaled = Model(tiny_config()).inputs(past, conditions)
    assert scaled.tolist() == [[[0.0, 0.25], [1.0, 0.75]]]
    onehot = Model(tiny_config(onehot=True)).inputs(past, conditions)
    assert onehot.shape == (1, 2, 17)
    assert onehot[0, 0].nonzero().flatten().tolist() == [0, 16]
    assert onehot[0, 1].nonzero().flatten().tolist() == [15, 16]


def test_categorical_loss_is_the_log_softmax():
    raw = torch.tensor([[[0.0, 1.0, 2.0]]], dtype=torch.float64)
    loss = Categorical(3).losses(raw, torch.tensor([[[1]]])).mean()
    assert float(loss) == pytest.approx(np.log(np.exp([0, 1, 2]).sum()) - 1, abs=1e-12)


def test_categorical_sampling_inverts_the_cdf():
    p = np.array([0.1, 0.0, 0.6, 0.3])
    raw = torch.log(torch.tensor(p, dtype=torch.float64)).expand(7, 4)
    u = torch.tensor([0.0, 0.099, 0.101, 0.699, 0.701, 0.999, 0.9999999], dtype=torch.float64)[:, None]
    assert Categorical(4).sample(raw, 1.0, u)[:, 0].tolist() == [0, 0, 2, 2, 3, 3, 3]


def test_temperature_sharpens_and_zero_takes_the_likeliest():
    raw = torch.tensor([[0.0, 1.0, 0.5]], dtype=torch.float64)
    u = torch.linspace(0, 0.9999, 1001, dtype=torch.float64)[:, None]
    share = {}
    for temperature in (0.5, 1.0, 2.0):
        codes = Categorical(3).sample(raw.expand(1001, 3), temperature, u)
        expected = np.exp(np.array([0, 1, 0.5]) / temperature)
        expected /= expected.sum()
        np.testing.assert_allclose(np.bincount(codes[:, 0], minlength=3) / 1001, expected, atol=2e-3)
        share[temperature] = (codes == 1).double().mean()
    assert share[0.5] > share[1.0] > share[2.0]
    assert (Categorical(3).sample(raw.expand(1001, 3), 0.0, u) == 1).all()


def test_sampling_stays_finite_for_huge_logits():
    raw = torch.tensor([[1e30, 0.0, -1e30]])
    assert Categorical(3).sample(raw, 1.0, torch.tensor([[0.5]])).tolist() == [[0]]


def test_tiny_model_has_the_size_that_the_config_says():
    model = tiny_model()
    assert model.module.state_dict()["inward.weight"].shape == (8, 2)
    assert model.distribution.size == 16
