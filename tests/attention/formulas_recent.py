"""As formulas.py, for the modules published outside the article."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, einsum

from tests.attention.terms import (
    affine,
    convolve,
    convolve_line,
    group_norm,
    layer_norm,
    normalise,
    pool,
    relu,
    sigmoid,
    softmax,
    spread,
)


def gc(m: Any, x: Tensor, fusion: str = "channel_add", **_: Any) -> Tensor:
    weights = softmax(affine(x, m.mask).flatten(1), 1)
    s = einsum("ncp,np->nc", x.flatten(2), weights)
    narrow, norm, _relu, widen = m.transform
    t = spread(affine(relu(layer_norm(affine(s, narrow), norm)), widen))
    return x + t if fusion == "channel_add" else x * sigmoid(t)


def simam(m: Any, x: Tensor, regularization: float = 1e-4, **_: Any) -> Tensor:
    d = (x - spread(pool(x))) ** 2
    v = spread(einsum("nchw->nc", d)) / (x.shape[2] * x.shape[3] - 1)
    return x * sigmoid(d / (4 * (v + regularization)) + 0.5)


def triplet(m: Any, x: Tensor, no_spatial: bool = False, **_: Any) -> Tensor:
    """Each gate on the input turned so that its axis comes second, as the paper draws it."""
    turns = {"over_height": (0, 2, 1, 3), "over_width": (0, 3, 2, 1), "over_channels": (0, 1, 2, 3)}
    if no_spatial:
        del turns["over_channels"]
    y = torch.zeros_like(x)
    for name, turn in turns.items():
        gate, turned = getattr(m, name), x.permute(turn)
        largest, mean = turned.sort(1).values[:, -1], einsum("nahw->nhw", turned) / turned.shape[1]
        logits = normalise(convolve(torch.stack((largest, mean), 1), gate.conv), gate.norm)
        y = y + (turned * sigmoid(logits)).permute(turn)  # each turn undoes itself
    return y / len(turns)


def nam(m: Any, x: Tensor, **_: Any) -> Tensor:
    size = m.norm.weight.detach().abs()
    share = (size / sum(size)).reshape(1, -1, 1, 1)
    return x * sigmoid(share * normalise(x, m.norm))


def ema(m: Any, x: Tensor, factor: int = 32, **_: Any) -> Tensor:
    out = []
    for g in x.chunk(factor, 1):
        h, w = g.shape[2:]
        a = affine(torch.cat((einsum("nchw->nch", g) / w, einsum("nchw->ncw", g) / h), 2), m.lines)
        gated = einsum("nchw,nch,ncw->nchw", g, sigmoid(a[:, :, :h]), sigmoid(a[:, :, h:]))
        x1, x2 = group_norm(gated, m.norm), convolve(g, m.local)
        maps = einsum("nc,nchw->nhw", softmax(pool(x1), 1), x2) + einsum("nc,nchw->nhw", softmax(pool(x2), 1), x1)
        out.append(g * sigmoid(maps).unsqueeze(1))
    return torch.cat(out, 1)


def ela(m: Any, x: Tensor, **_: Any) -> Tensor:
    rows, columns = einsum("nchw->nch", x) / x.shape[3], einsum("nchw->ncw", x) / x.shape[2]
    gates = [sigmoid(group_norm(convolve_line(line, m.conv), m.norm)) for line in (rows, columns)]
    return einsum("nchw,nch,ncw->nchw", x, *gates)


def mlca(m: Any, x: Tensor, local_size: int = 5, local_weight: float = 0.5, **_: Any) -> Tensor:
    (n, c, h, w), cells = x.shape, local_size
    local = F.adaptive_avg_pool2d(x, cells)
    sequence = torch.cat([local[:, :, i, j] for i in range(cells) for j in range(cells)], 1)
    by_cell = sigmoid(convolve_line(sequence.unsqueeze(1), m.within)).reshape(n, cells, cells, c)
    by_map = sigmoid(convolve_line(pool(local).unsqueeze(1), m.across))
    gate = local_weight * by_cell.permute(0, 3, 1, 2) + (1 - local_weight) * by_map.reshape(n, c, 1, 1)
    return x * F.adaptive_avg_pool2d(gate, (h, w))


def scsa(m: Any, x: Tensor, heads: int = 1, window: int = 7, **_: Any) -> Tensor:
    n, c, h, w = x.shape
    gates = []
    for line, norm in (
        (einsum("nchw->nch", x) / w, m.norm_rows),
        (einsum("nchw->ncw", x) / h, m.norm_columns),
    ):
        parts = [convolve_line(part, conv) for part, conv in zip(line.chunk(4, 1), m.convs, strict=True)]
        gates.append(sigmoid(group_norm(torch.cat(parts, 1), norm)))
    z = einsum("nchw,nch,ncw->nchw", x, *gates)
    rows, columns = h // window, w // window
    cut = z[:, :, : rows * window, : columns * window].reshape(n, c, rows, window, columns, window)
    pooled = group_norm(einsum("ncahbw->ncab", cut) / window**2, m.norm).flatten(2)
    q, k, v = (
        (pooled * layer.weight.reshape(1, c, 1)).reshape(n, heads, c // heads, -1)
        for layer in (m.query, m.key, m.value)
    )
    weights = softmax(einsum("nmip,nmjp->nmij", q, k) / (c // heads) ** 0.5, 3)
    seen = einsum("nmij,nmjp->nmip", weights, v)
    return z * spread(sigmoid((seen.sum(3) / seen.shape[3]).reshape(n, c)))


def non_local(m: Any, x: Tensor, mode: str = "embedded_gaussian", **_: Any) -> Tensor:
    theta, phi, g = (affine(x, layer).flatten(2) for layer in (m.query, m.key, m.value))
    f = einsum("nci,ncj->nij", theta, phi)
    a = softmax(f / theta.shape[1] ** 0.5, 2) if mode == "embedded_gaussian" else f / f.shape[2]
    return x + affine(einsum("nij,ncj->nci", a, g), m.out).reshape(x.shape)


def generalized(
    m: Any, x: Tensor, heads: int = 8, attention_type: str = "1111", kv_stride: int = 2, **_: Any
) -> Tensor:
    """Pair by pair: every query pixel against every key pixel, by head."""
    n, c, h, w = x.shape
    bits, d = [bit == "1" for bit in attention_type], c // heads
    places = [(i, j) for i in range(h) for j in range(w)]
    kept = [(i, j) for i, j in places if i % kv_stride == 0 and j % kv_stride == 0]
    seen = torch.stack([x[:, :, i, j] for i, j in kept], 2)

    def encode(apart: int) -> Tensor:
        angles = torch.tensor([apart / 1000 ** (4 * k / c) for k in range(c // 4)], dtype=x.dtype)
        return torch.cat((torch.sin(angles), torch.cos(angles)))

    q = affine(x.flatten(2), m.query) if m.query is not None else None
    k = affine(seen, m.key) if m.key is not None else None
    v = affine(seen, m.value)
    out = []
    for head in range(heads):
        part = slice(head * d, (head + 1) * d)
        energy = torch.zeros(n, len(places), len(kept), dtype=x.dtype)
        if bits[0]:
            energy = energy + einsum("nci,ncj->nij", q[:, part], k[:, part])
        if bits[2]:
            energy = energy + einsum("c,ncj->nj", m.key_bias[part], k[:, part]).unsqueeze(1)
        if bits[1] or bits[3]:
            columns = {dx: m.along_width.weight[part] @ encode(dx) for dx in range(-w, w + 1)}
            rows = {dy: m.along_height.weight[part] @ encode(dy) for dy in range(-h, h + 1)}
            r = (
                torch.stack([torch.stack([columns[j - jk] + rows[i - ik] for ik, jk in kept]) for i, j in places])
                / 2**0.5
            )  # (queries, keys, d)
            if bits[1]:
                energy = energy + einsum("nci,ijc->nij", q[:, part], r)
            if bits[3]:
                energy = energy + einsum("c,ijc->ij", m.place_bias[part], r)
        out.append(einsum("nij,ncj->nci", softmax(energy, 2), v[:, part]))
    return x + m.scale * affine(torch.cat(out, 1), m.out).reshape(x.shape)


def danet(m: Any, x: Tensor, form: str = "official", **_: Any) -> Tensor:
    q, k, v = (affine(x, layer).flatten(2) for layer in (m.query, m.key, m.value))
    by_pixel = einsum("nij,ncj->nci", softmax(einsum("nci,ncj->nij", q, k), 2), v).reshape(x.shape)
    pixels = x.flatten(2)
    e = einsum("nip,njp->nij", pixels, pixels)
    if form == "official":
        e = e.max(2, keepdim=True).values - e
    weights = torch.exp(e - e.max(2, keepdim=True).values)
    weights = weights / weights.sum(2, keepdim=True)
    by_channel = einsum("nij,njp->nip", weights, pixels).reshape(x.shape)
    return (x + m.pixel_scale * by_pixel) + (x + m.channel_scale * by_channel)


def lsk(m: Any, x: Tensor, **_: Any) -> Tensor:
    a = convolve(x, m.near)
    b = affine(convolve(a, m.far), m.far_half)
    a = affine(a, m.near_half)
    both = torch.cat((a, b), 1)
    z = torch.stack((einsum("nchw->nhw", both) / both.shape[1], both.sort(1).values[:, -1]), 1)
    s = sigmoid(convolve(z, m.select))
    return x * affine(s[:, :1] * a + s[:, 1:] * b, m.widen)
