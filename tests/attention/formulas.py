"""The published formulas, written out term by term with other operations than the product uses.

Each takes a module (for its parameters and statistics only, never its forward) and x (N, C, H, W), and returns y.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, einsum

from tests.attention.terms import (
    affine,
    convolve,
    layer_norm,
    normalise,
    pool,
    relu,
    shuffled,
    sigmoid,
    softmax,
    spread,
)


def se(m: Any, x: Tensor, **_: Any) -> Tensor:
    return x * spread(sigmoid(affine(relu(affine(pool(x), m.squeeze)), m.excite)))


def cbam(m: Any, x: Tensor, form: str = "paper", **_: Any) -> Tensor:
    largest = x.flatten(2).sort(2).values[:, :, -1]
    mlp = [affine(relu(affine(s, m.squeeze)), m.excite) for s in (pool(x), largest)]
    x1 = x * spread(sigmoid(mlp[0] + mlp[1]))
    statistics = torch.stack((x1.sort(1).values[:, -1], einsum("nchw->nhw", x1) / x.shape[1]), 1)
    logits = convolve(statistics, m.conv)
    if form == "article":
        return x1 * sigmoid(logits) + x
    return x1 * sigmoid(normalise(logits, m.norm))


def bam(m: Any, x: Tensor, form: str = "paper", **_: Any) -> Tensor:
    channel, spatial = pool(x), x
    fc, conv = list(m.channel), list(m.spatial)
    for i in range(0, len(fc) - 1, 3):
        channel = relu(normalise(affine(channel, fc[i]), fc[i + 1]))
    for i in range(0, len(conv) - 1, 3):
        spatial = relu(normalise(convolve(spatial, conv[i]), conv[i + 1]))
    channel, spatial = spread(affine(channel, fc[-1])), affine(spatial, conv[-1])
    return x * (1 + sigmoid(channel * spatial if form == "official" else channel + spatial))


def eca(m: Any, x: Tensor, **_: Any) -> Tensor:
    s, k = pool(x), m.conv.weight.shape[2]
    padded = F.pad(s, (k // 2, k // 2))
    logits = sum(m.conv.weight[0, 0, i] * padded[:, i : i + s.shape[1]] for i in range(k))
    return x * spread(sigmoid(logits if m.conv.bias is None else logits + m.conv.bias))


def shuffle(m: Any, x: Tensor, groups: int = 8, **_: Any) -> Tensor:
    out, half = [], x.shape[1] // (2 * groups)
    for g in range(groups):
        x0, x1 = x[:, 2 * g * half : (2 * g + 1) * half], x[:, (2 * g + 1) * half : (2 * g + 2) * half]
        out.append(x0 * spread(sigmoid(m.channel_weight.flatten() * pool(x0) + m.channel_bias.flatten())))
        centred = x1 - spread(pool(x1))
        unit = centred / spread((pool(centred**2) + m.norm.eps).sqrt())
        unit = unit * spread(m.norm.weight) + spread(m.norm.bias)
        out.append(x1 * sigmoid(spread(m.spatial_weight) * unit + spread(m.spatial_bias)))
    return shuffled(torch.cat(out, 1), 2)


def polarized(m: Any, x: Tensor, form: str = "paper", mode: str = "parallel", **_: Any) -> Tensor:
    official = form == "official"
    weights = softmax(affine(x, m.channel_query).flatten(1), 1)
    z = einsum("ncp,np->nc", affine(x, m.channel_value).flatten(2), weights)
    up = list(m.channel_up)
    z = affine(z, up[0])
    if official and mode == "sequential":
        z = affine(relu(layer_norm(z, up[1])), up[3])
    elif not official:
        z = layer_norm(z, up[1])
    by_channel = x * spread(sigmoid(z))
    source = by_channel if mode == "sequential" else x
    query = pool(affine(source, m.spatial_query))
    value = affine(source, m.spatial_value).flatten(2)
    if not official:
        score = einsum("nc,ncp->np", softmax(query, 1), value)
    elif mode == "parallel":
        score = softmax(einsum("nc,ncp->np", query, value), 1)
    else:
        score = einsum("nc,ncp->np", query, softmax(value, 2))
    by_pixel = source * sigmoid(score).reshape(x.shape[0], 1, *x.shape[2:])
    return by_pixel if mode == "sequential" else by_pixel + by_channel


def sge(m: Any, x: Tensor, **_: Any) -> Tensor:
    groups = len(m.weight)
    out = []
    for g, x_g in enumerate(x.chunk(groups, 1)):
        t = einsum("nchw,nc->nhw", x_g, pool(x_g))
        centred = t - einsum("nhw->n", t).reshape(-1, 1, 1) / t[0].numel()
        std = (centred.pow(2).sum((1, 2), keepdim=True) / (t[0].numel() - 1)).sqrt()
        out.append(x_g * sigmoid(m.weight[g] * centred / (std + 1e-5) + m.bias[g]).unsqueeze(1))
    return torch.cat(out, 1)


def coordinate(m: Any, x: Tensor, **_: Any) -> Tensor:
    h, w = x.shape[2:]
    lines = torch.cat((einsum("nchw->nch", x) / w, einsum("nchw->ncw", x) / h), 2)
    f = normalise(affine(lines, m.squeeze), m.norm)
    f = f * (f + 3).clamp(0, 6) / 6
    rows, columns = sigmoid(affine(f[:, :, :h], m.rows)), sigmoid(affine(f[:, :, h:], m.columns))
    return einsum("nchw,nch,ncw->nchw", x, rows, columns)


def gam(m: Any, x: Tensor, groups: int = 1, **_: Any) -> Tensor:
    x1 = x * affine(relu(affine(x, m.channel[0])), m.channel[2])
    hidden = relu(normalise(convolve(x1, m.spatial[0]), m.spatial[1]))
    gate = sigmoid(normalise(convolve(hidden, m.spatial[3]), m.spatial[4]))
    return x1 * shuffled(gate, groups)
