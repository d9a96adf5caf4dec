import numpy as np
import pytest
import torch

from helpers import tiny_model
from mtcrnn.core.errors import InputError
from mtcrnn.rendering.torch_player import TorchPlayer

GLIDE = np.linspace(50, 100, 2000)[None, :, None]


def in_blocks(player, state, parameters, size):
    blocks = []
    for first in range(0, parameters.shape[1], size):
        values, state = player.render(state, parameters[:, first : first + size])
        blocks.append(values)
    return np.concatenate(blocks, axis=1), state


@pytest.mark.parametrize("onehot", [False, True])
def test_blocks_of_any_size_give_the_same_bits(onehot):
    player = TorchPlayer(tiny_model(onehot=onehot))
    whole, end = player.render(player.init(seed=4), GLIDE)
    assert whole.shape == (1, 2000, 1)
    assert whole.dtype == np.float32
    assert len(np.unique(whole)) > 4
    for size in (1, 7, 1000):
        pieces, state = in_blocks(player, player.init(seed=4), GLIDE, size)
        assert (pieces == whole).all()
        assert state.position == end.position == 2000
        assert (state.net[0] == end.net[0]).all()


def test_a_state_can_be_kept_and_gone_back_to():
    player = TorchPlayer(tiny_model())
    _, state = player.render(player.init(seed=4), GLIDE[:, :50])
    once, _ = player.render(state, GLIDE[:, 50:90])
    again, _ = player.render(state, GLIDE[:, 50:90])
    assert (once == again).all()


def test_seeds_and_sounds_of_a_batch_differ_but_do_not_depend_on_the_batch():
    player = TorchPlayer(tiny_model())
    three, _ = player.render(player.init(seed=4, batch=3), GLIDE[:, :300].repeat(3, axis=0))
    one, _ = player.render(player.init(seed=4), GLIDE[:, :300])
    other, _ = player.render(player.init(seed=5), GLIDE[:, :300])
    assert (three[0] == one[0]).all()
    assert (three[0] != three[1]).any()
    assert (one != other).any()


def test_the_sound_depends_on_its_parameters():
    player = TorchPlayer(tiny_model())
    low, _ = player.render(player.init(seed=4), np.full((1, 300, 1), 50.0))
    high, _ = player.render(player.init(seed=4), np.full((1, 300, 1), 100.0))
    assert (low != high).any()


def test_rendering_is_the_textbook_loop():
    model = tiny_model()
    player = TorchPlayer(model)
    rendered, _ = player.render(player.init(seed=9), GLIDE[:, :100])
    from mtcrnn.core.rng import play_uniforms

    u = play_uniforms(9, 1, 0, 100, 1)
    code, state = model.encoding.codec.silence, model.net.init_state(1)
    for t in range(100):
        x = torch.tensor([[[code / 15, (GLIDE[0, t, 0] - 50) / 50]]], dtype=torch.float32)
        with torch.no_grad():
            raw, state = model.net(x, state)
        cdf = torch.softmax(raw[0, 0].double(), dim=0).cumsum(0).numpy()
        code = int(np.searchsorted(cdf, u[0, t, 0], side="right"))
        assert rendered[0, t, 0] == model.encoding.codec.decode(code), t


def test_priming_is_teacher_forcing():
    model = tiny_model()
    player = TorchPlayer(model)
    sound = 0.5 * np.sin(np.arange(40))[None, :, None]
    parameters = np.full((1, 40, 1), 60.0)
    primed = player.prime(player.init(seed=1), sound, parameters)
    codes = np.concatenate([[model.encoding.codec.silence], model.encoding.codec.encode(sound[0, :-1, 0])])
    x = torch.tensor(np.stack([codes / 15, np.full(40, 0.2)], axis=-1)[None], dtype=torch.float32)
    with torch.no_grad():
        _, state = model.net(x, model.net.init_state(1))
    torch.testing.assert_close(primed.net[0], state[0])
    assert primed.last.item() == model.encoding.codec.encode(sound[0, -1, 0])
    halves = player.prime(
        player.prime(player.init(seed=1), sound[:, :15], parameters[:, :15]), sound[:, 15:], parameters[:, 15:]
    )
    torch.testing.assert_close(halves.net[0], state[0])


def test_a_model_without_parameters_is_played_with_no_parameters():
    player = TorchPlayer(tiny_model(prop=()))
    values, _ = player.render(player.init(seed=0, batch=2), np.zeros((2, 50, 0)))
    assert values.shape == (2, 50, 1)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (np.zeros((1, 5, 2)), r"parameters \(pitch\): the shape is \[1, 5, 2\]; it must be \[1, steps, 1\]"),
        (np.zeros((2, 5, 1)), r"the shape is \[2, 5, 1\]"),
        (np.full((1, 5, 1), np.nan), "there are NaN or infinite numbers"),
    ],
)
def test_parameters_that_do_not_fit(parameters, message):
    player = TorchPlayer(tiny_model())
    with pytest.raises(InputError, match=message):
        player.render(player.init(seed=0), parameters)


def test_a_step_stays_in_its_place_and_is_made_anew_for_another_batch_or_temperature():
    """What a GPU captures as one graph must read and write the same memory at every step."""
    player = TorchPlayer(tiny_model())
    state = player.init(seed=4)
    player.render(state, GLIDE[:, :20])
    step = player._step
    places = [tensor.data_ptr() for tensor in (step.last, *step.net, step.x, step.u)]
    _, later = player.render(state, GLIDE[:, :20])
    assert player._step is step
    assert [tensor.data_ptr() for tensor in (step.last, *step.net, step.x, step.u)] == places
    assert later.last.data_ptr() not in places
    cold, _ = player.render(state, GLIDE[:, :20], temperature=0.0)
    assert player._step is not step
    assert (cold == TorchPlayer(tiny_model(), 0.0).render(state, GLIDE[:, :20])[0]).all()
    player.render(player.init(seed=4, batch=2), GLIDE[:, :20].repeat(2, axis=0))
    assert player._step.key == (2, 1.0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_a_gpu_replays_the_same_steps():
    model = tiny_model()
    expected, _ = TorchPlayer(model).render(TorchPlayer(model).init(seed=4, batch=3), GLIDE[:, :200].repeat(3, axis=0))
    model.module.to("cuda")
    player = TorchPlayer(model)
    made, _ = in_blocks(player, player.init(seed=4, batch=3), GLIDE[:, :200].repeat(3, axis=0), 70)
    assert (made == expected).mean() > 0.9  # float32 sums in another order: a tie may fall the other way
