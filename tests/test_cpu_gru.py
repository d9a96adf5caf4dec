import pytest
import torch
from torch import nn

from mtcrnn.models.nets.cpu_gru import GRU, _run_parts

SIZES = [  # B, T, L, H, I
    (1, 1, 1, 5, 5),
    (3, 7, 2, 5, 24),
    (2, 50, 4, 24, 11),
    (33, 7, 3, 24, 24),
    (20, 40, 2, 16, 16),
]


def both(B, T, L, H, inputs, dtype, threads):
    """Outputs and all gradients of nn.GRU and of ours, from the same weights and inputs."""
    torch.manual_seed(B * T + H)
    plain = nn.GRU(inputs, H, L, batch_first=True).to(dtype)
    ours = GRU(inputs, H, L).to(dtype)
    ours.load_state_dict(plain.state_dict())
    x, h0 = torch.randn(B, T, inputs, dtype=dtype), torch.randn(L, B, H, dtype=dtype)
    dy, dh = torch.randn(B, T, H, dtype=dtype), torch.randn(L, B, H, dtype=dtype)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        results = []
        for gru in (plain, ours):
            leaves = [x.clone().requires_grad_(), h0.clone().requires_grad_(), *gru.parameters()]
            y, h = gru(leaves[0], leaves[1])
            results.append([y, h, *torch.autograd.grad([y, h], leaves, [dy, dh])])
            with torch.no_grad():
                results[-1] += list(gru(x, h0))
    finally:
        torch.set_num_threads(before)
    return results


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("sizes", SIZES)
def test_outputs_and_gradients_equal_torch(sizes, threads):
    expected, ours = both(*sizes, torch.float64, threads)
    assert len(ours) == 4 + 2 + 4 * sizes[2]
    for theirs, mine in zip(expected, ours, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-11, atol=1e-11)


def test_float32_is_as_good_as_torch():
    torch.manual_seed(3)
    gru = GRU(32, 32, 2).double()
    x, h0 = torch.randn(8, 64, 32, dtype=torch.float64), torch.zeros(2, 8, 32, dtype=torch.float64)
    exact, _ = gru(x, h0)
    single = GRU(32, 32, 2)
    single.load_state_dict({k: v.float() for k, v in gru.state_dict().items()})
    rounded, _ = single(x.float(), h0.float())
    assert (rounded.double() - exact).abs().max() < 5e-6


def test_extreme_and_broken_numbers_behave_as_in_torch():
    plain, ours = nn.GRU(4, 4, 1, batch_first=True), GRU(4, 4, 1)
    ours.load_state_dict(plain.state_dict())
    h0 = torch.zeros(1, 1, 4)
    huge = torch.tensor([[[1e30, -1e30, 1e4, -1e4], [0.0, 0.0, 0.0, 0.0]]])
    torch.testing.assert_close(ours(huge, h0)[0], plain(huge, h0)[0])
    assert ours(torch.full((1, 2, 4), float("nan")), h0)[0].isnan().all()


def test_worker_threads_leave_torch_as_it_was():
    before = torch.get_num_threads()
    assert _run_parts(lambda a, b: a + b, [(1, 2), (3, 4)]) == [3, 7]
    assert torch.get_num_threads() == before


def test_memory_that_is_used_again_is_not_shared_with_a_living_result():
    gru, h0 = GRU(64, 64, 1), torch.zeros(1, 64, 64)
    first = gru(torch.ones(64, 80, 64), h0)[0]  # 64 * 80 * 64 elements: large enough to be recycled
    kept = first.detach().clone()
    for _ in range(3):
        gru(torch.randn(64, 80, 64), h0)
    assert (first == kept).all()
