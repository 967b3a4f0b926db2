"""What a variant costs: parameters, multiply-adds, and latency with all variants measured side by side."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import mmcv._ext
import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from pipeline.detector.device import hardware, use_device
from pipeline.detector.placement import attention_modules
from pipeline.detector.places.maps import build_without_weights
from pipeline.records import Cost, Plan
from pipeline.records.cost import Quartiles, VariantCost

# Views and bookkeeping move no numbers worth counting; what is left and unknown to the counter is named.
FREE = {
    "view", "_unsafe_view", "reshape", "expand", "t", "transpose", "permute", "slice", "select", "unsqueeze", "squeeze",
    "detach", "alias", "clone", "copy_", "_to_copy", "empty", "empty_like", "zeros", "zeros_like", "ones", "ones_like",
    "full", "arange", "split", "split_with_sizes", "cat", "stack", "index", "index_put_", "nonzero", "lift",
    "lift_fresh", "new_zeros", "new_full", "new_ones", "as_strided", "unbind", "_local_scalar_dense", "contiguous",
    "resize_", "fill_", "zero_", "set_", "repeat", "item",
}  # fmt: skip


def measure(
    plans: Mapping[str, Plan],
    image_size: tuple[int, int],
    rounds: int,
    warmup: int = 2,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Cost:
    """Cost of each variant's inference on one image of `image_size` (width, height), weights as initialised.

    Latency: in each of `rounds`, every variant runs once, in an order that rotates, so that a slow
    moment of the machine falls on all alike. Multiply-adds count as one operation, as papers do.
    """
    resources = next(iter(plans.values())).resources
    use_device(resources)
    device = torch.device(resources.device)
    init_default_scope("mmdet")
    models = {name: _model(plan.config, device) for name, plan in plans.items()}
    batch = _batch(image_size, device)
    variants = {name: _size(model) | _operations(model, batch) for name, model in models.items()}
    seconds: dict[str, list[float]] = {name: [] for name in models}
    names = list(models)
    for turn in range(-warmup, rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            taken = _seconds(models[name], batch, device)
            if turn >= 0:
                seconds[name].append(taken)
        progress(turn + 1 + warmup, rounds + warmup)
    return Cost(
        hardware=hardware(),
        device=resources.device,
        threads=resources.threads,
        image_size=image_size,
        rounds=rounds,
        variants={
            name: VariantCost(**found, latency_ms=_quartiles([1000 * taken for taken in seconds[name]]))
            for name, found in variants.items()
        },
    )


def _model(config: Mapping[str, Any], device: torch.device) -> nn.Module:
    torch.manual_seed(0)
    model: Any = MODELS.build(Config({"model": config["model"]}).model)
    for module in model.modules():  # neither weights nor a checkpoint matter here: only shapes do
        module.init_cfg = None
    return model.to(device).eval()


def _batch(image_size: tuple[int, int], device: torch.device) -> dict[str, Any]:
    width, height = image_size
    generator = torch.Generator().manual_seed(0)
    image = torch.randint(0, 256, (3, height, width), dtype=torch.uint8, generator=generator)
    sample = DetDataSample(
        metainfo=dict(
            img_shape=(height, width),
            ori_shape=(height, width),
            scale_factor=(1.0, 1.0),
            batch_input_shape=(height, width),
            pad_shape=(height, width),
        )
    )
    return {"inputs": [image.to(device)], "data_samples": [sample]}


def _size(model: nn.Module) -> dict[str, int]:
    """Parameters by the sum of their elements, the attention's own apart."""
    ours = {id(p): p.numel() for module in attention_modules(model).values() for p in module.parameters()}
    return {"parameters": sum(p.numel() for p in model.parameters()), "attention_parameters": sum(ours.values())}


def attention_parameters(config: Mapping[str, Any]) -> int:
    """Learnable parameters that the attention of a resolved config adds; built on no device, so at no cost."""
    return _size(build_without_weights(config["model"]))["attention_parameters"]


class _Seen(TorchDispatchMode):
    """Counts the operators of torch that run, by name."""

    def __init__(self) -> None:
        super().__init__()
        self.operators: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        self.operators[func._schema.name.partition("::")[2]] += 1
        return func(*args, **(kwargs or {}))


@contextmanager
def _mmcv_counted(operators: Counter[str]) -> Iterator[None]:
    """Adds the calls of MMCV's own operators (`nms`, `roi_align_forward`), which torch's dispatcher never sees."""

    def counted(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*args: Any, **kwargs: Any) -> Any:
            operators[name] += 1
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


@torch.no_grad()
def _operations(model: Any, batch: Mapping[str, Any]) -> dict[str, Any]:
    counter, seen = FlopCounterMode(display=False), _Seen()
    with counter:
        model.test_step(batch)
    with seen, _mmcv_counted(seen.operators):
        model.test_step(batch)
    counted = {str(op).rpartition(".")[2] for per_module in counter.get_flop_counts().values() for op in per_module}
    uncounted = {name: n for name, n in sorted(seen.operators.items()) if name not in counted and name not in FREE}
    return {"gflops": counter.get_total_flops() / 2 / 1e9, "uncounted": uncounted}


@torch.no_grad()
def _seconds(model: Any, batch: Mapping[str, Any], device: torch.device) -> float:
    start = time.perf_counter()
    model.test_step(batch)
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def _quartiles(values: Sequence[float]) -> Quartiles:
    q1, median, q3 = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else [*values] * 3
    return Quartiles(median=median, q1=q1, q3=q3)
