"""A stacked GRU for training on the CPU: the weights and equations of `nn.GRU`, with a hand-written backward pass.

Why it is faster than torch's own CPU kernel, and where the time goes (4 layers x 256, batch 128, 256 steps,
float32, two AVX-512 cores; 309 GFLOP for forward and backward; figures in docs/log.md):

- torch runs one small unfused op after another at each step. Here a step of a layer is one matrix product
  (`h @ W_hh.T`) and one compiled elementwise kernel; what does not depend on the recurrence (input projections,
  input gradients, weight gradients) is computed for a chunk of steps in one product.
- The batch is split over threads, each of which runs the whole recurrence for its rows with single-threaded ops.
  torch and numba release the GIL, so the threads synchronise only at the end of a call.
- Each chunk goes through all layers before the next chunk starts (a blocked wavefront), so everything but the saved
  activations stays in cache.
- Fresh memory is slow (page faults at 2 to 4 GB/s), so large buffers are recycled, see `_buffer`.

About 85% of the time is inside MKL's sgemm at 85 to 90% of the cores' peak; the rest is the gate kernels (memory-bound:
they write and read back 5 floats per unit and step) and about 3% Python.

Shapes: B batch, T steps, I input size, H hidden size, L layers; b rows in one thread's part of the batch; m steps
in one chunk. Gates are ordered r, z, n as in `nn.GRU`, except in the backward pass: `dg = [dn | dr | dz | dn*r]`, whose
first three quarters are the gradient of the input projection and whose last three quarters are that of the
recurrent projection, without a copy.
"""

from __future__ import annotations

import math
import os
import time
import weakref
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mtcrnn.models.nets.gru_kernels import backward, forward

CHUNK_ROWS = 512  # rows (steps x b) of a chunk: the size at which the weight-gradient product is fastest
DX_ROWS = 128  # rows of one input-gradient product: small enough to stay in the L2 cache
MIN_ROWS = 8  # fewest rows of the batch that are worth a thread
MIN_POOLED = 1 << 18  # buffers with at least this many elements are recycled
PRECISIONS = torch.float32, torch.float64  # the types that the kernels are compiled for
PLAIN_STEPS = 1  # without gradients, torch's own kernel is faster up to this many steps

_pools: dict[int, ThreadPoolExecutor] = {}
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pools.clear)  # threads do not survive a fork


def _run_parts(fn: Callable[..., Any], parts: Sequence[tuple[Any, ...]]) -> list[Any]:
    """[fn(*p) for p in parts], each in its own thread, with single-threaded torch ops."""
    if len(parts) == 1:
        return [fn(*parts[0])]
    pool = _pools.get(len(parts))
    if pool is None:
        n, pool = torch.get_num_threads(), ThreadPoolExecutor(len(parts), "gru", _single_threaded)
        list(pool.map(lambda _: time.sleep(0.01), parts))  # start all threads now
        torch.set_num_threads(n)  # set_num_threads in a thread also sets the default of later threads
        _pools[len(parts)] = pool
    return list(pool.map(lambda p: fn(*p), parts))


def _single_threaded() -> None:
    torch.set_num_threads(1)
    torch.get_num_threads()  # fixes the setting: a thread's first query would re-read the default


_free: defaultdict[tuple[type, int], list[NDArray[Any]]] = defaultdict(list)


def _buffer(*shape: int, like: Tensor) -> Tensor:
    """An uninitialised tensor whose memory is taken from a free list, and returns to it when freed."""
    size = math.prod(shape)
    if size < MIN_POOLED:
        return torch.empty(shape, dtype=like.dtype)
    dtype = np.float32 if like.dtype == torch.float32 else np.float64
    free = _free[dtype, (size - 1).bit_length()]  # rounded up to 2**k: the rest is never touched
    try:
        memory = free.pop()
    except IndexError:
        memory = np.empty(1 << (size - 1).bit_length(), dtype)
    view = memory[:size]
    weakref.finalize(view, free.append, memory).atexit = False
    return torch.from_numpy(view).view(shape)


def _chunks(T: int, b: int) -> list[tuple[int, int]]:
    """(first step, end) of each of nearly equal chunks of about CHUNK_ROWS rows."""
    n = max(1, round(T * b / CHUNK_ROWS))
    return [(T * i // n, T * (i + 1) // n) for i in range(n)]


@torch.no_grad()
def _forward_rows(
    x: Tensor,
    h0: Tensor,
    w_ih: Sequence[Tensor],
    w_hh: Sequence[Tensor],
    bias: Sequence[NDArray[Any]],
    y: Tensor,
    hT: Tensor,
    save: bool,
) -> tuple[list[Tensor], list[Tensor]]:
    """The recurrence of one thread's rows: x [b, T, I], h0 [L, b, H]; fills y [b, T, H] and hT [L, b, H].

    w_ih [I, 3H] and w_hh [H, 3H] are transposed. If `save`, returns hs [T+1, b, H] and gates [T, b, 4H] of each layer
    (otherwise scratch arrays for one chunk and one step).
    """
    (b, T, _), (L, _, H) = x.shape, h0.shape
    chunks, mm = _chunks(T, b), torch.mm
    m = max(e - s for s, e in chunks)
    gx, gh = x.new_empty(m, b, 3 * H), x.new_empty(b, 3 * H)
    hs = [_buffer((T if save else m) + 1, b, H, like=x) for _ in range(L)]
    gates = [_buffer(T if save else 1, b, 4 * H, like=x) for _ in range(L)]
    rows = [h.unbind(0) for h in hs]
    gx_np, gh_np, hs_np, gates_np = gx.numpy(), gh.numpy(), [h.numpy() for h in hs], [g.numpy() for g in gates]
    starts = list(h0)
    for s, e in chunks:
        first = s if save else 0  # index in hs of the state before step s
        inputs = x[:, s:e].transpose(0, 1).reshape((e - s) * b, -1)
        for k in range(L):
            if s == 0 or not save:
                hs[k][0] = starts[k]
            mm(inputs, w_ih[k], out=gx[: e - s].view(-1, 3 * H))
            w, bi, h, h_np, g_np = w_hh[k], bias[k], rows[k], hs_np[k], gates_np[k]
            for c in range(e - s):
                mm(h[first + c], w, out=gh)
                forward(gx_np, gh_np, bi, h_np, g_np, c, first + c, s + c if save else 0)
            inputs = hs[k][first + 1 : first + 1 + e - s].view(-1, H)
        starts = [h[first + e - s] for h in rows]
        y[:, s:e] = inputs.view(e - s, b, H).transpose(0, 1)
    for k in range(L):
        hT[k] = starts[k]
    return hs, gates


@torch.no_grad()
def _backward_rows(
    x: Tensor,
    hs: Sequence[Tensor],
    gates: Sequence[Tensor],
    w_ih: Sequence[Tensor],
    w_hh: Sequence[Tensor],
    dy: Tensor,
    dhT: Tensor,
    dx: Tensor | None,
) -> tuple[list[Tensor], list[Tensor], list[Tensor], Tensor]:
    """The gradients of one thread's rows. Fills dx [b, T, I] unless it is None.

    w_ih [3H, I] has the order n, r, z; w_hh [3H, H] is as in `nn.GRU`. Returns dh0 (L of [b, H]), dW_ih (L of [3H, I],
    order n, r, z), dW_hh (L of [3H, H]) and db [L, 4H].
    """
    (b, T, inputs_size), (L, _, H) = x.shape, dhT.shape
    chunks, mm, addmm = _chunks(T, b), torch.mm, torch.addmm
    m = max(e - s for s, e in chunks)
    dg = x.new_empty(m, b, 4 * H + 16)  # padded: rows 4 KB apart would share cache sets
    up = x.new_empty(m, b, H)  # gradient of the layer's output, then of its input
    dh = [dhT[k].clone(memory_format=torch.contiguous_format) for k in range(L)]
    dw_ih = [x.new_zeros(3 * H, inputs_size if k == 0 else H) for k in range(L)]
    dw_hh = [x.new_zeros(3 * H, H) for _ in range(L)]
    db = x.new_zeros(L, len(chunks), 4 * H)
    dg_hh = [g[:, H : 4 * H] for g in dg]
    dg_np, up_np, db_np = dg.numpy(), up.numpy(), db.numpy()
    dh_np, hs_np, gates_np = [d.numpy() for d in dh], [h.numpy() for h in hs], [g.numpy() for g in gates]
    for i, (s, e) in reversed(list(enumerate(chunks))):
        n = (e - s) * b
        up[: e - s] = dy[:, s:e].transpose(0, 1)
        flat = dg[: e - s].view(n, -1)
        d_in, d_rec = flat[:, : 3 * H], flat[:, H : 4 * H]
        for k in reversed(range(L)):
            w, d, d_np, h_np, g_np, db_k = w_hh[k], dh[k], dh_np[k], hs_np[k], gates_np[k], db_np[k, i]
            for c in reversed(range(e - s)):
                backward(up_np, d_np, g_np, h_np, dg_np, db_k, c, s + c)
                addmm(d, dg_hh[c], w, out=d)
            dw_hh[k].addmm_(d_rec.t(), hs[k][s:e].view(n, H))
            inputs = hs[k - 1][s + 1 : e + 1].view(n, H) if k else x[:, s:e].transpose(0, 1).reshape(n, inputs_size)
            dw_ih[k].addmm_(d_in.t(), inputs)
            if k:
                for a, out in zip(
                    torch.split(d_in, DX_ROWS), torch.split(up[: e - s].view(n, H), DX_ROWS), strict=True
                ):
                    mm(a, w_ih[k], out=out)
            elif dx is not None:
                dx[:, s:e] = mm(d_in, w_ih[0]).view(e - s, b, inputs_size).transpose(0, 1)
    return dh, dw_ih, dw_hh, db.sum(1)


class _StackedGRU(torch.autograd.Function):
    """The whole stack as one differentiable operation."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, h0: Tensor, save: bool, *weights: Tensor) -> tuple[Tensor, Tensor]:
        """Output y [B, T, H] and final state hT [L, B, H]; weights in `nn.GRU`'s flat order."""
        (B, T, _), (L, _, H) = x.shape, h0.shape
        w_ih, w_hh = ([w.t().contiguous() if T > 2 else w.t() for w in weights[i::4]] for i in (0, 1))
        bias = [  # r, z: the sum of both biases; n: the input bias; hn: the recurrent bias
            torch.cat([a[: 2 * H] + b[: 2 * H], a[2 * H :], b[2 * H :]]).numpy()
            for a, b in zip(weights[2::4], weights[3::4], strict=True)
        ]
        y, hT = _buffer(B, T, H, like=x), torch.empty_like(h0, memory_format=torch.contiguous_format)
        n = max(1, min(torch.get_num_threads(), B // MIN_ROWS))
        shares = [slice(B * i // n, B * (i + 1) // n) for i in range(n)]
        parts = [(x[p], h0[:, p], w_ih, w_hh, bias, y[p], hT[:, p], save) for p in shares]
        saved = _run_parts(_forward_rows, parts)
        if save:
            ctx.shares, ctx.layers = shares, L
            ctx.save_for_backward(x, *weights, *(t for hs, gates in saved for t in hs + gates))
        return y, hT

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, dy: Tensor, dhT: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of x, h0 and all weights."""
        L, H = ctx.layers, dhT.shape[2]
        x, *rest = ctx.saved_tensors
        weights, saved = rest[: 4 * L], rest[4 * L :]
        w_ih = [torch.cat([w[2 * H :], w[: 2 * H]]) for w in weights[0::4]]
        dx = _buffer(*x.shape, like=x) if ctx.needs_input_grad[0] else None
        parts = []
        for share, p in enumerate(ctx.shares):
            hs, gates = saved[2 * L * share :][:L], saved[2 * L * share + L :][:L]
            parts.append((x[p], hs, gates, w_ih, weights[1::4], dy[p], dhT[:, p], None if dx is None else dx[p]))
        dh0, dw_ih, dw_hh, db = zip(*_run_parts(_backward_rows, parts), strict=True)
        grads = []
        for k in range(L):
            i, h, b = (torch.stack([w[k] for w in part]).sum(0) for part in (dw_ih, dw_hh, db))
            grads += [torch.cat([i[H:], i[:H]]), h, torch.cat([b[H : 3 * H], b[:H]]), b[H:].clone()]
        return dx, torch.cat([torch.stack(d) for d in dh0], 1), None, *grads


class GRU(nn.GRU):
    """`nn.GRU(input_size, hidden_size, num_layers, batch_first=True)`: same weights, state dict and results.

    On the CPU it runs as described above, under mixed precision too (then in the precision of its weights). On other
    devices, and for single steps without gradients, it is `nn.GRU` itself.
    """

    def __init__(self, input_size: int, hidden_size: int, num_layers: int) -> None:
        super().__init__(input_size, hidden_size, num_layers, batch_first=True)

    def forward(self, x: Tensor, h0: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """Output y [B, T, H] and final state hT [L, B, H], from x [B, T, I] and h0 [L, B, H]."""
        weights = list(self.parameters())
        if x.device.type == "cpu":
            x, h0 = (tensor.to(weights[0].dtype) for tensor in (x, h0))
        tensors = [x, h0, *weights]
        save = torch.is_grad_enabled() and any(t.requires_grad for t in tensors)
        compiled = x.device.type == "cpu" and x.dtype in PRECISIONS and all(t.dtype == x.dtype for t in tensors)
        if not compiled or not x.numel() or (x.shape[1] <= PLAIN_STEPS and not save):
            return super().forward(x, h0)
        return _StackedGRU.apply(x, h0, save, *weights)  # type: ignore[no-untyped-call]
