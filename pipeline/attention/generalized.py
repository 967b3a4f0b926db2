"""Generalized attention: An Empirical Study of Spatial Attention Mechanisms in Deep Networks, Zhu et al., 2019.
https://arxiv.org/abs/1904.05873, section 3.

Self-attention with M heads whose energy between query pixel i and key pixel j is a sum of up to four terms, one a digit
of `attention_type`: q_i . k_j, q_i . r_ij, u . k_j, w . r_ij. r_ij encodes how far the two pixels are apart along both
axes (sines and cosines of the distance through one matrix an axis), u and w are learnt. y = x + gamma * W(heads).
Keys and values are every `kv_stride`-th pixel.

Differences: MMCV's module, the authors' own, has 9 heads by default and then uses 252 of 256 channels; here channels
must divide. Its wave lengths go to 1000, its stride picks pixels and averages none.

`0010` weights keys alike for every query, so one vector is added to all pixels, at little cost; `1111` and `0010` are
the published ones. Starts as the identity (gamma is 0).

Cost, exactly: r_ij is a sum over the axes, so a query has one energy a column of keys and one a row; with keys that
hold a 1 at their column and row, the whole energy is one product of vectors, and no matrix between pixels is kept.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pipeline.attention._base import Attention
from pipeline.attention._checks import split, whole
from pipeline.attention._ops import at_least_float32, without_autocast
from pipeline.attention._pixels import attend, linear, tokens, widen
from pipeline.common.errors import UserError

WAVE_LENGTH = 1000


class GeneralizedAttention(Attention):
    """Self-attention with terms to choose. `1111` 5 C^2 + 3 C + 1 parameters, `0010` 3 C^2 + 2 C + 1."""

    def __init__(self, channels: int, *, heads: int = 8, attention_type: str = "1111", kv_stride: int = 2) -> None:
        super().__init__()
        if not isinstance(attention_type, str) or len(attention_type) != 4 or set(attention_type) - {"0", "1"}:
            raise UserError(
                f"option `attention_type` is {attention_type!r}; allowed: four digits 0 or 1 in quotes, '1111'"
            )
        self.terms = query_key, query_place, key, place = [digit == "1" for digit in attention_type]
        self.sees_query = query_key or query_place or place
        if not any(self.terms):
            raise UserError("option `attention_type` is '0000'; allowed: at least one digit 1")
        split(channels, whole("heads", heads), f"option `heads` {heads}")
        self.heads, self.stride = heads, whole("kv_stride", kv_stride)
        if query_place or place:
            split(channels, 4, f"option `attention_type` {attention_type!r}, for sines and cosines along two axes,")

        def layer(width: int) -> nn.Linear:
            return nn.Linear(width, channels, bias=False)

        self.query = layer(channels) if query_key or query_place else None
        self.key = layer(channels) if query_key or key else None
        self.value = layer(channels)
        self.along_width = layer(channels // 2) if query_place or place else None
        self.along_height = layer(channels // 2) if query_place or place else None
        self.key_bias = nn.Parameter(torch.empty(channels)) if key else None
        self.place_bias = nn.Parameter(torch.empty(channels)) if place else None
        self.out = nn.Linear(channels, channels)
        self.scale = nn.Parameter(torch.empty(1))
        self.init_weights()

    def init_weights(self) -> None:
        super().init_weights()
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_uniform_(layer.weight, a=1)
        nn.init.zeros_(self.out.bias)
        bound = (2 * self.out.in_features / self.heads) ** -0.5
        for bias in (self.key_bias, self.place_bias):
            if bias is not None:
                nn.init.uniform_(bias, -bound, bound)
        nn.init.zeros_(self.scale)

    def start_as_identity(self) -> None:
        """It does already; a second scale of 0 on top of the first would leave both without slope."""

    def pixel_pairs(self, height: int, width: int) -> int:
        keys = -(-height // self.stride) * -(-width // self.stride)
        return self.heads * keys * (height * width if self.sees_query else 1)

    def forward(self, x: Tensor) -> Tensor:
        with without_autocast(x):
            seen = x[:, :, :: self.stride, :: self.stride]
            layers = (self.value,) if self.key is None else (self.value, self.key)
            value, *content = [self._by_head(part) for part in linear(tokens(seen), *layers)]
            key = torch.cat(content + self._place_keys(seen), 3)
            context = attend(torch.cat(self._queries(x, seen), 3), key, value).transpose(1, 2).flatten(2)
            if self.sees_query:
                return x + self.scale.to(x.dtype) * widen(context, self.out, x)
            return x + (self.scale * linear(context, self.out)[0]).transpose(1, 2).unsqueeze(3).to(x.dtype)

    def _queries(self, x: Tensor, seen: Tensor) -> list[Tensor]:
        """What meets the keys, each (N, heads, H W, .); without a term of the query one row stands for all."""
        (n, _, h, w), (query_key, query_place, _, _) = x.shape, self.terms
        rows = h * w if self.sees_query else 1
        asked = None if self.query is None else self._by_head(linear(tokens(x), self.query)[0])
        found = []
        if self.key is not None:
            content = self._sum(asked if query_key else None, self.key_bias)
            found.append(content.expand(n, -1, rows, -1))
        if self.along_width is not None and self.along_height is not None:
            place = self._sum(asked if query_place else None, self.place_bias).expand(n, -1, rows, -1)
            place = place.unflatten(2, (h, w))
            width = self._distances(self.along_width, w, seen.shape[3], x)
            height = self._distances(self.along_height, h, seen.shape[2], x)
            found.append(torch.einsum("nmhwd,wkmd->nmhwk", place, width).flatten(2, 3))
            found.append(torch.einsum("nmhwd,hkmd->nmhwk", place, height).flatten(2, 3))
        return found

    def _place_keys(self, seen: Tensor) -> list[Tensor]:
        """A 1 at a key's column, and one at its row: each picks the energy of its place out of a query's."""
        if self.along_width is None:
            return []
        n, _, h, w = seen.shape
        columns, rows = _eye(w, seen).unsqueeze(0).expand(h, -1, -1), _eye(h, seen).unsqueeze(1).expand(-1, w, -1)
        return [key.flatten(0, 1).expand(n, self.heads, -1, -1) for key in (columns, rows)]

    def _distances(self, layer: nn.Linear, queries: int, keys: int, x: Tensor) -> Tensor:
        """r_ij along one axis: (queries, keys, heads, C / heads)."""
        like = at_least_float32(x)
        apart = _line(queries, like).unsqueeze(1) - self.stride * _line(keys, like)
        frequencies = WAVE_LENGTH ** -(_line(x.shape[1] // 4, like) * 4 / x.shape[1])
        angles = apart.unsqueeze(2) * frequencies
        (encoded,) = linear(torch.cat((angles.sin(), angles.cos()), 2) * 0.5**0.5, layer)
        return encoded.unflatten(2, (self.heads, -1))

    def _sum(self, asked: Tensor | None, bias: Tensor | None) -> Tensor:
        """A term of the query and one of a learnt vector: (N or 1, heads, H W or 1, C / heads)."""
        parts = [] if asked is None else [asked]
        if bias is not None:
            parts.append(self._by_head(at_least_float32(bias).view(1, 1, -1)))
        return parts[0] if len(parts) == 1 else parts[0] + parts[1]

    def _by_head(self, rows: Tensor) -> Tensor:
        """(N, P, C) -> (N, heads, P, C / heads)."""
        return rows.unflatten(2, (self.heads, -1)).transpose(1, 2)


def _line(length: int, like: Tensor) -> Tensor:
    return torch.arange(length, device=like.device, dtype=like.dtype)


def _eye(size: int, like: Tensor) -> Tensor:
    line = torch.arange(size, device=like.device)
    return (line.unsqueeze(1) == line).to(at_least_float32(like).dtype)
