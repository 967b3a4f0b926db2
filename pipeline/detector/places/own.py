"""Attention that a detector has by itself: what a study of attention should know of its baseline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from torch import nn

OWN_ATTENTION: Mapping[str, str] = {
    "ChannelAttention": "channel attention in each stage (CSPNeXt)",
    "SELayer": "squeeze-and-excitation in each block",
    "SplitAttentionConv2d": "split attention in each block (ResNeSt)",
    "ContextBlock": "global context blocks",
    "GeneralizedAttention": "generalized attention in its blocks",
    "NonLocal2d": "non-local blocks",
    "DyHeadBlock": "scale, spatial and task attention (DyHead)",
    "WindowMSA": "window self-attention (Swin)",
    "SpatialReductionAttention": "spatial-reduction self-attention (PVT)",
}


def own_attention(model: nn.Module) -> list[str]:
    """What of OWN_ATTENTION a model's backbone and neck hold, each with its number."""
    parts = [getattr(model, part) for part in ("backbone", "neck") if getattr(model, part, None) is not None]
    found = Counter(type(module).__name__ for part in parts for module in part.modules())
    return [f"{words}, {found[kind]} modules" for kind, words in OWN_ATTENTION.items() if found[kind]]
