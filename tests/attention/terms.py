"""Terms of the published formulas, each written with other operations than the product uses."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, einsum


def affine(s: Tensor, layer: Any) -> Tensor:
    """Fully connected layer or 1x1 convolution over dimension 1 of s, whatever follows it."""
    weight = layer.weight.reshape(layer.weight.shape[0], -1)
    y = einsum("oc,nc...->no...", weight, s)
    return y if layer.bias is None else y + layer.bias.reshape(1, -1, *[1] * (s.ndim - 2))


def convolve(x: Tensor, layer: Any) -> Tensor:
    """A 2d convolution that keeps the size, as a sum over the kernel's offsets."""
    (n, _, h, w), (out, per_group, k, _) = x.shape, layer.weight.shape
    d, g = layer.dilation[0], layer.groups
    padded = F.pad(x, [d * (k // 2)] * 4)
    y = torch.zeros(n, g, out // g, h, w, dtype=x.dtype)
    for i in range(k):
        for j in range(k):
            window = padded[:, :, i * d : i * d + h, j * d : j * d + w].reshape(n, g, per_group, h, w)
            y = y + einsum("goc,ngchw->ngohw", layer.weight[:, :, i, j].reshape(g, out // g, per_group), window)
    y = y.reshape(n, out, h, w)
    return y if layer.bias is None else y + layer.bias.reshape(1, -1, 1, 1)


def normalise(x: Tensor, norm: Any) -> Tensor:
    """Batch norm with the batch's statistics in train mode, with the running ones in eval mode."""
    mean, var = norm.running_mean, norm.running_var
    if norm.training:
        values = x.transpose(0, 1).flatten(1)
        mean = values.sum(1) / values.shape[1]
        var = (values - mean[:, None]).pow(2).sum(1) / values.shape[1]
    shape = (1, -1, *[1] * (x.ndim - 2))
    unit = (x - mean.reshape(shape)) / (var.reshape(shape) + norm.eps).sqrt()
    return unit * norm.weight.reshape(shape) + norm.bias.reshape(shape)


def layer_norm(z: Tensor, norm: Any) -> Tensor:
    """Over dimension 1 of (N, C)."""
    centred = z - z.sum(1, keepdim=True) / z.shape[1]
    var = centred.pow(2).sum(1, keepdim=True) / z.shape[1]
    return centred / (var + norm.eps).sqrt() * norm.weight + norm.bias


def group_norm(x: Tensor, norm: Any) -> Tensor:
    """Each group of channels of each image by itself, over all that follows the channels."""
    groups = x.reshape(x.shape[0], norm.num_groups, -1)
    centred = groups - groups.sum(2, keepdim=True) / groups.shape[2]
    var = centred.pow(2).sum(2, keepdim=True) / groups.shape[2]
    shape = (1, -1, *[1] * (x.ndim - 2))
    return (centred / (var + norm.eps).sqrt()).reshape(x.shape) * norm.weight.reshape(shape) + norm.bias.reshape(shape)


def convolve_line(x: Tensor, layer: Any) -> Tensor:
    """A 1d convolution of (N, C, length) that keeps the length, as a sum over the kernel's offsets."""
    (n, _, length), (out, per_group, k), g = x.shape, layer.weight.shape, layer.groups
    padded = F.pad(x, [k // 2] * 2)
    y = torch.zeros(n, out, length, dtype=x.dtype)
    for i in range(k):
        window = padded[:, :, i : i + length].reshape(n, g, per_group, length)
        y = y + einsum("goc,ngcl->ngol", layer.weight[:, :, i].reshape(g, out // g, per_group), window).reshape(y.shape)
    return y if layer.bias is None else y + layer.bias.reshape(1, -1, 1)


def relu(x: Tensor) -> Tensor:
    return x * (x > 0)


def sigmoid(x: Tensor) -> Tensor:
    return 1 / (1 + torch.exp(-x))


def softmax(x: Tensor, dim: int) -> Tensor:
    return torch.exp(x) / torch.exp(x).sum(dim, keepdim=True)


def pool(x: Tensor) -> Tensor:
    return einsum("nchw->nc", x) / (x.shape[2] * x.shape[3])


def spread(gate: Tensor) -> Tensor:
    return gate.reshape(*gate.shape, 1, 1)


def shuffled(x: Tensor, groups: int) -> Tensor:
    """Channel i of the result is channel (i % groups) * (C / groups) + i // groups."""
    channels = x.shape[1]
    return x[:, [(i % groups) * (channels // groups) + i // groups for i in range(channels)]]
