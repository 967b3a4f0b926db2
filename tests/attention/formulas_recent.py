"""As formulas.py, for the modules published outside the article."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, einsum

from tests.attention.terms import affine, convolve, layer_norm, normalise, pool, relu, sigmoid, softmax, spread


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
