"""Peak memory of tensors: on a GPU as its allocator has it, on a CPU by following every tensor that is made.

A process's own peak would hold libraries, and what the allocator keeps: it says little about a model.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


def peak_bytes(model: nn.Module, device: torch.device, step: Callable[[], object]) -> int:
    """Most bytes that the model's weights and all tensors made by `step` hold at once."""
    weights = [*model.parameters(), *model.buffers()]
    if device.type == "cuda":
        torch.cuda.synchronize()
        others = torch.cuda.memory_allocated() - _Live(weights).now  # of the other variants
        torch.cuda.reset_peak_memory_stats()
        step()
        torch.cuda.synchronize()
        return int(torch.cuda.max_memory_allocated() - others)
    live = _Live(weights)
    with live:
        step()
    return live.peak


class _Live(TorchDispatchMode):
    """Bytes of the storages that live now, and the most there were. A storage that two tensors share counts once."""

    def __init__(self, held: Iterable[torch.Tensor]) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._known: dict[int, int] = {}
        for tensor in held:
            self._add(tensor)

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(out):
            if isinstance(leaf, torch.Tensor):
                self._add(leaf)
        return out

    def _add(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._known:
            return
        self._known[key] = storage.nbytes()
        weakref.finalize(storage, self._drop, key)
        self.now += storage.nbytes()
        self.peak = max(self.peak, self.now)

    def _drop(self, key: int) -> None:
        self.now -= self._known.pop(key)
