"""Attention between pixels, in float32 at least: energies of half precision overflow from |x| of about 10 on."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from pipeline.attention._ops import at_least_float32, memory_format

LARGEST = 2**28  # entries of a matrix between pixels, 1 GiB


def tokens(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, H W, C)."""
    return at_least_float32(x).flatten(2).transpose(1, 2)


def as_maps(pixels: Tensor, like: Tensor) -> Tensor:
    """(N, H W, C) -> (N, C, H, W), with the sides and the type of `like`."""
    return pixels.transpose(1, 2).unflatten(2, like.shape[2:]).to(like.dtype)


def linear(pixels: Tensor, *layers: nn.Linear) -> tuple[Tensor, ...]:
    """Each layer on (N, P, C); all have a bias or none has. One product, whatever their number."""
    weight = torch.cat([at_least_float32(layer.weight) for layer in layers])
    biases = [at_least_float32(layer.bias) for layer in layers if layer.bias is not None]
    product = F.linear(pixels, weight, torch.cat(biases) if biases else None)
    return product.split([layer.out_features for layer in layers], 2)


def widen(pixels: Tensor, layer: nn.Linear, like: Tensor) -> Tensor:
    """The layer on (N, H W, C') as maps (N, C, H, W), with the sides, the layout and the type of `like`."""
    if memory_format(like) == torch.channels_last:
        return as_maps(linear(pixels, layer)[0], like)
    weight, bias = at_least_float32(layer.weight), at_least_float32(layer.bias)
    product = torch.baddbmm(bias[:, None], weight.expand(like.shape[0], -1, -1), pixels.transpose(1, 2))
    return product.unflatten(2, like.shape[2:]).to(like.dtype)


def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """softmax(query key^T) value over (N, heads, P, d), without keeping the matrix where it would be large.

    torch's fused attention is exact and keeps none; on a CPU it wants values as long as keys. Otherwise a large matrix
    is made in parts, for some queries at a time, which training makes again in the backward pass.
    """
    if query.is_cuda or query.shape[3] == value.shape[3]:
        return F.scaled_dot_product_attention(query, key, value, scale=1.0)
    entries = query.shape[:3].numel() * key.shape[2]
    if torch.compiler.is_exporting() or entries <= LARGEST:
        return _plain(query, key, value)
    parts = query.split(max(1, LARGEST * query.shape[2] // entries), 2)
    return torch.cat([checkpoint(_plain, part, key, value, use_reentrant=False) for part in parts], 2)


def _plain(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return (query @ key.transpose(2, 3)).softmax(3) @ value
