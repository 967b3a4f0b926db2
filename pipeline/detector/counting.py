"""What one image's inference computes: multiply-adds, and the operations that are none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import mmcv._ext
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from pipeline.detector.placement import attention_modules

# Views and bookkeeping move no numbers worth counting; what is left and unknown to the counter is named.
FREE = {
    "view", "_unsafe_view", "reshape", "expand", "t", "transpose", "permute", "slice", "select", "unsqueeze", "squeeze",
    "detach", "alias", "clone", "copy_", "_to_copy", "empty", "empty_like", "zeros", "zeros_like", "ones", "ones_like",
    "full", "arange", "split", "split_with_sizes", "cat", "stack", "index", "index_put_", "nonzero", "lift",
    "lift_fresh", "new_zeros", "new_full", "new_ones", "as_strided", "unbind", "_local_scalar_dense", "contiguous",
    "resize_", "fill_", "zero_", "set_", "repeat", "item",
}  # fmt: skip
SOFTMAX = 5  # operations an element: the maximum, a difference, an exponential, a sum, a quotient


@dataclass(frozen=True)
class Operations:
    """As in the record VariantCost: multiply-adds in all and of the attention, the rest, and the rest's operators."""

    gflops: float
    attention_gflops: float
    uncounted_gops: float
    uncounted: dict[str, int]


@torch.no_grad()
def operations(model: Any, batch: Mapping[str, Any]) -> Operations:
    """Of `model.test_step(batch)`. A multiply-add counts as one operation, as papers do."""
    counter = FlopCounterMode(display=False, custom_mapping={_FUSED_ON_CPU: _fused_flops})
    with counter:
        model.test_step(batch)
    seen = _Seen()
    with seen, _mmcv_counted(seen.calls):
        model.test_step(batch)
    by_module = counter.get_flop_counts()
    counted = {str(operator).rpartition(".")[2] for found in by_module.values() for operator in found}
    rest = sorted(name for name in seen.calls if name not in counted and name not in FREE)
    return Operations(
        gflops=counter.get_total_flops() / 2 / 1e9,
        attention_gflops=sum(sum(by_module.get(name, {}).values()) for name in _attention_names(model)) / 2 / 1e9,
        uncounted_gops=sum(seen.elements[name] * (SOFTMAX if "softmax" in name else 1) for name in rest) / 1e9,
        uncounted={name: seen.calls[name] for name in rest},
    )


_FUSED_ON_CPU = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu  # the one that torch's counter lacks


def _fused_flops(query: Any, key: Any, value: Any, *args: Any, out_shape: Any = None, **kwargs: Any) -> int:
    return int(sdpa_flop_count(query, key, value))


def _attention_names(model: nn.Module) -> list[str]:
    """As the counter names modules: the class of the model, then the path."""
    return [f"{type(model).__name__}.{name}" for name in attention_modules(model)]


class _Seen(TorchDispatchMode):
    """Counts the operators of torch that run, and the elements of their outputs, by name."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()
        self.elements: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        name = func._schema.name.partition("::")[2]
        out = func(*args, **(kwargs or {}))
        self.calls[name] += 1
        self.elements[name] += sum(leaf.numel() for leaf in tree_leaves(out) if isinstance(leaf, torch.Tensor))
        return out


@contextmanager
def _mmcv_counted(calls: Counter[str]) -> Iterator[None]:
    """Adds the calls of MMCV's own operators (`nms`, `roi_align_forward`), which torch's dispatcher never sees."""

    def counted(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*args: Any, **kwargs: Any) -> Any:
            calls[name] += 1
            return call(*args, **kwargs)

        return counting

    real = {name: call for name, call in vars(mmcv._ext).items() if callable(call) and not name.startswith("_")}
    try:
        for name, call in real.items():
            setattr(mmcv._ext, name, counted(name, call))
        yield
    finally:
        for name, call in real.items():
            setattr(mmcv._ext, name, call)
