"""Common random numbers: with one seed, all variants share what they can share.

Every layer that two variants have in common starts from the same weights, sees the same images in the
same order with the same flips, and samples its proposals from the same stream at each iteration. What
is left between two variants of one seed is then the variant, and little else. The same rule makes an
interrupted run go on as if nothing had happened: no state of a generator needs saving.

Each draw is keyed by what it is for (a parameter's name, an image's index, an iteration), never by how
many draws came before it: an inserted module would shift a shared stream for all that follows.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from mmdet.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn
from torch.overrides import TorchFunctionMode

DRAWS = {"normal_", "uniform_", "kaiming_normal_", "kaiming_uniform_", "bernoulli_", "random_", "exponential_"}


def derive(seed: int, *purpose: object) -> int:
    """A 31-bit seed for one purpose: independent for different purposes, equal for equal ones."""
    text = "/".join(map(str, (seed, *purpose)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


def seed_everything(seed: int) -> None:
    """Python's, numpy's and torch's generators, on all devices in use."""
    random.seed(seed)
    np.random.seed(seed)
    _seed_torch(seed)


def _seed_torch(seed: int) -> None:
    """As `torch.manual_seed`, which also notes a stack trace for each device not in use: .2 ms and more a call."""
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)


class _DrawsByName(TorchFunctionMode):
    """While active, an in-place random fill of a parameter is seeded by the parameter's own name."""

    def __init__(self, model: nn.Module, seed: int) -> None:
        super().__init__()
        self.seed = seed
        self.names = {parameter.data_ptr(): name for name, parameter in model.named_parameters()}
        self.drawn: Counter[str] = Counter()

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__name__", "") in DRAWS:
            target = args[0] if args else kwargs["tensor"]
            name = self.names.get(target.data_ptr())
            if name is not None:
                _seed_torch(derive(self.seed, "init", name, self.drawn[name]))
                self.drawn[name] += 1
                if target.device.type != "cpu":
                    return _drawn_on_the_cpu(func, target, args, kwargs)
        return func(*args, **kwargs)


def _drawn_on_the_cpu(
    func: Callable[..., Any], target: torch.Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> torch.Tensor:
    """Fill `target` as `func` would on a CPU: a GPU's generator draws other numbers from the same seed."""
    values = torch.empty_like(target, device="cpu")
    if args:
        func(values, *args[1:], **kwargs)
    else:
        func(**{**kwargs, "tensor": values})
    with torch.no_grad():
        return target.copy_(values)


def initialise(model: nn.Module, seed: int) -> None:
    """Initialise as MMEngine does, each parameter from `seed` and its own name.

    The constructors drew from a shared stream, so every layer's own `reset_parameters` comes first.
    Pretrained weights named in an `init_cfg` are loaded last, as always.
    """
    with _DrawsByName(model, seed):
        for name, module in model.named_modules():
            reset = getattr(module, "reset_parameters", None)
            if callable(reset):
                _seed_torch(derive(seed, "reset", name))
                reset()
        for name, module in model.named_modules():  # its own reset is private, and sets what its parts have set
            if isinstance(module, nn.MultiheadAttention):
                _seed_torch(derive(seed, "reset", name))
                module._reset_parameters()
        model.init_weights()  # type: ignore[operator]


@HOOKS.register_module()
class CommonRandomNumbers(Hook):
    """Applies the above to a run of MMEngine; part of the config, so that tools/train.py does the same."""

    priority = "VERY_HIGH"

    def before_run(self, runner: Runner) -> None:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        initialise(model, runner.seed)

    def before_train(self, runner: Runner) -> None:
        runner.train_loop.dataloader.dataset.draw_seed = runner.seed  # before data workers start

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        seed_everything(derive(runner.seed, "iteration", runner.iter, runner.rank))
