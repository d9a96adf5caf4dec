"""The compiled gate kernels of `cpu_gru`: the elementwise part of one step of one layer.

They take arrays and numbers and fill buffers that the caller owns. The loops have the form that LLVM vectorises: plain
`for j in range(n)` over row views with a single store each. No SVML is assumed, so `exp` is a polynomial here.
Shapes: b rows, m steps of a chunk, H hidden size; gates are ordered r, z, n, hn.
"""

from __future__ import annotations

from typing import Any

from mtcrnn.core.numba_math import cached_njit, expm1

_jit = cached_njit("the GRU", "models/nets/gru_kernels.py", error_model="numpy", fastmath={"contract"}, nogil=True)


@_jit
def forward(gx: Any, gh: Any, bias: Any, hs: Any, gates: Any, c: int, t: int, g: int) -> None:
    """hs[t+1], gates[g] <- a step from hs[t]; gx [m,b,3H], gh [b,3H], bias [4H], gates [.,b,4H] = r,z,n,hn."""
    H, one, two = hs.shape[2], hs.dtype.type(1), hs.dtype.type(2)
    for i in range(hs.shape[1]):
        x, u, h, h_new, s = gx[c, i], gh[i], hs[t, i], hs[t + 1, i], gates[g, i]
        xn, un, bias_n, bias_hn = x[2 * H :], u[2 * H :], bias[2 * H : 3 * H], bias[3 * H :]
        r, z, n, hn = s[:H], s[H : 2 * H], s[2 * H : 3 * H], s[3 * H :]
        for j in range(2 * H):
            s[j] = one / (two + expm1(-(x[j] + u[j] + bias[j])))  # sigmoid
        for j in range(H):
            hn[j] = un[j] + bias_hn[j]
        for j in range(H):
            a = xn[j] + bias_n[j] + r[j] * hn[j]
            e = expm1(a + a)
            n[j] = e / (e + two)  # tanh
        for j in range(H):
            h_new[j] = n[j] + z[j] * (h[j] - n[j])


@_jit
def backward(dy: Any, dh: Any, gates: Any, hs: Any, dg: Any, db: Any, c: int, t: int) -> None:
    """dg[c] <- gate gradients, dh <- z * (dh + dy[c]), db += column sums of dg[c]."""
    H, one = hs.shape[2], hs.dtype.type(1)
    for i in range(hs.shape[1]):
        y, d, s, h, o = dy[c, i], dh[i], gates[t, i], hs[t, i], dg[c, i]
        r, z, n, hn = s[:H], s[H : 2 * H], s[2 * H : 3 * H], s[3 * H :]
        dn, dr, dz, dhn = o[:H], o[H : 2 * H], o[2 * H : 3 * H], o[3 * H : 4 * H]
        for j in range(H):
            d[j] += y[j]
        for j in range(H):
            dn[j] = d[j] * (one - z[j]) * (one - n[j] * n[j])
        for j in range(H):
            dr[j] = dn[j] * hn[j] * r[j] * (one - r[j])
        for j in range(H):
            dz[j] = d[j] * (h[j] - n[j]) * z[j] * (one - z[j])
        for j in range(H):
            dhn[j] = dn[j] * r[j]
        for j in range(H):
            d[j] *= z[j]
        for j in range(4 * H):
            db[j] += o[j]
