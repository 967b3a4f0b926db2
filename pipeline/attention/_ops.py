"""The few tensor operations that several modules need, and the numeric care they take."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def at_least_float32(x: Tensor) -> Tensor:
    """`x` in float32 if it is of half precision, else as it is."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def without_autocast(x: Tensor) -> AbstractContextManager[object]:
    """A region in which matrix products keep the precision of their inputs.

    A null context where autocast is off, because the ONNX exporter cannot express an autocast region.
    """
    device = x.device.type
    return torch.autocast(device, enabled=False) if torch.is_autocast_enabled(device) else nullcontext()


def mean(x: Tensor, *dims: int) -> Tensor:
    """Mean over `dims`, kept as size 1, in float32 at least.

    A sum and a small division: the gradient of a sum is a view, that of `mean` or of average pooling a full
    map. Measured at .5 to .8 of the time of pooling, forward and backward, in both memory layouts.
    """
    count = 1
    for dim in dims:
        count *= x.shape[dim]
    return at_least_float32(x).sum(dims, keepdim=True) / count


def pooled(x: Tensor, layer: nn.Module) -> Tensor:
    """Global average pooling, (N, C, H, W) -> (N, C), in the type of the layer that takes it."""
    return (at_least_float32(x).sum((2, 3)) / (x.shape[2] * x.shape[3])).to(layer.weight.dtype)  # type: ignore[arg-type]


def dot(vectors: Tensor, pixels: Tensor, shift: Tensor | None) -> Tensor:
    """(N, 1, C) . (N, C, HW) + (N or 1) -> (N, 1, HW), in float32 at least."""
    product = torch.bmm(at_least_float32(vectors), pixels)
    return product if shift is None else product + shift.view(-1, 1, 1)


def context(x: Tensor, query: nn.Linear) -> Tensor:
    """The pixels of each image, averaged with weights softmax(query(pixel)): (N, C, H, W) -> (N, C)."""
    with without_autocast(x):
        pixels = at_least_float32(x).flatten(2)
        weights = dot(query.weight.expand(x.shape[0], -1, -1), pixels, query.bias).softmax(2)
        return torch.bmm(pixels, weights.transpose(1, 2)).squeeze(2)


def max_and_mean(x: Tensor, dim: int) -> Tensor:
    """The largest value and the mean over one dimension of (N, C, H, W), as two channels before the other two."""
    return torch.stack((x.max(dim).values, mean(x, dim).squeeze(dim).to(x.dtype)), 1)


def as_map(gate: Tensor) -> Tensor:
    """(N, C) -> (N, C, 1, 1)."""
    return gate.unsqueeze(2).unsqueeze(3)


def memory_format(x: Tensor) -> torch.memory_format:
    """The layout of a map (N, C, H, W)."""
    channels_last = x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
    return torch.channels_last if channels_last else torch.contiguous_format


def channel_shuffle(x: Tensor, groups: int, layout: torch.memory_format) -> Tensor:
    """Interleave the channels of `groups` groups (ShuffleNet, arXiv:1707.01083), in one copy to `layout`."""
    if layout == torch.channels_last:
        pixels = x.permute(0, 2, 3, 1)
        return pixels.unflatten(3, (groups, -1)).transpose(3, 4).flatten(3).permute(0, 3, 1, 2)
    return x.unflatten(1, (groups, -1)).transpose(1, 2).flatten(1, 2)


def pixelwise(x: Tensor, layer: nn.Module) -> Tensor:
    """A 1x1 convolution with bias as one matrix product an image, .4 to .9 of the convolution's time on a CPU.

    In channels_last the pixels are rows already, and the same product is a linear layer's.
    """
    assert isinstance(layer, nn.Conv2d)
    assert layer.bias is not None
    weight = layer.weight.flatten(1)
    if memory_format(x) == torch.channels_last:
        return F.linear(x.permute(0, 2, 3, 1), weight, layer.bias).permute(0, 3, 1, 2)
    product = torch.baddbmm(layer.bias[:, None], weight.expand(x.shape[0], -1, -1), x.flatten(2))
    return product.view(x.shape[0], -1, x.shape[2], x.shape[3])


class BatchNorm(nn.modules.batchnorm._BatchNorm):
    """Batch normalisation of (N, C, ...) that also trains on a single value per channel.

    torch refuses that case, which a pooled branch meets at batch size 1: there is no variance to divide by.
    Such a step is normalised by the running statistics and leaves them as they are.
    """

    def _check_input_dim(self, input: Tensor) -> None:
        """Any (N, C, ...) will do."""

    def forward(self, input: Tensor, scale: Tensor | None = None) -> Tensor:
        """The normalised input; with `scale` (C,), the same times it, in one pass over the map."""
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        learns = self.training and input.numel() > input.shape[1]
        if learns:
            self.num_batches_tracked.add_(1)
        weight, bias = (self.weight, self.bias) if scale is None else (self.weight * scale, self.bias * scale)
        return F.batch_norm(input, self.running_mean, self.running_var, weight, bias, learns, self.momentum, self.eps)
