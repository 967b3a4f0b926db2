"""What a variant costs: parameters, operations, latency, throughput and memory, all variants measured side by side."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from torch import nn

from pipeline.common.progress import OnProgress
from pipeline.detector.counting import operations
from pipeline.detector.device import hardware, use_device
from pipeline.detector.imports import import_named
from pipeline.detector.memory import peak_bytes
from pipeline.detector.memory_format import memory_format
from pipeline.detector.placement import attention_modules
from pipeline.detector.places.maps import build_without_weights
from pipeline.records import Cost, Plan
from pipeline.records.cost import Latency, Memory, Throughput, VariantCost

LEAST, MOST = 20, 100  # rounds: what P95 and P99 take
SECONDS = 120.0  # beyond the least, no more rounds than fit into so many seconds
BATCH, BATCH_ROUNDS = 8, 5  # of the throughput; fewer rounds, since each has eight images


def measure(
    plans: Mapping[str, Plan],
    image_size: tuple[int, int],
    rounds: int | None = None,
    warmup: int = 2,
    progress: OnProgress = lambda done, total: None,
) -> Cost:
    """Cost of each variant on images of `image_size` (width, height), weights as initialised.

    Latency: in each of `rounds`, every variant runs once, in an order that rotates, so that a slow moment of the
    machine falls on all alike. Without `rounds`, as many as fit: LEAST at least, MOST at most.
    """
    first = next(iter(plans.values()))
    use_device(first.resources)
    for plan in plans.values():
        import_named(plan.config)
    device = torch.device(first.resources.device)
    init_default_scope("mmdet")
    models = {name: _model(plan.config, device) for name, plan in plans.items()}
    one, eight = _batch(image_size, device), _batch(image_size, device, BATCH)
    counted = {name: _size(model) | asdict(operations(model, one)) for name, model in models.items()}
    rounds = rounds or _rounds(models, one, device)
    singly = _interleaved(models, one, device, rounds, warmup, progress)
    together = _interleaved(models, eight, device, min(rounds, BATCH_ROUNDS), min(warmup, 1))
    loader: Any = first.config["train_dataloader"]
    training = _batch(image_size, device, loader["batch_size"], boxes=True)
    memory = {name: _memory(models[name], plan, one, training, device) for name, plan in plans.items()}
    return Cost(
        hardware=hardware(),
        device=first.resources.device,
        threads=first.resources.threads,
        image_size=image_size,
        batch_size=loader["batch_size"],
        rounds=rounds,
        variants={
            name: VariantCost(
                **counted[name],
                latency_ms=latency([1000 * taken for taken in singly[name]]),
                images_per_second=Throughput(
                    batch_1=1 / float(np.mean(singly[name])), batch_8=BATCH / float(np.mean(together[name]))
                ),
                memory=memory[name],
            )
            for name in plans
        },
    )


def latency(milliseconds: Sequence[float]) -> Latency:
    """From the times of single images; percentiles that the number of rounds bears."""
    q1, median, q3, p95, p99 = (float(q) for q in np.percentile(milliseconds, [25, 50, 75, 95, 99]))
    rounds = len(milliseconds)
    return Latency(
        median=median, q1=q1, q3=q3, p95=p95 if rounds >= LEAST else None, p99=p99 if rounds >= MOST else None
    )


def _interleaved(
    models: Mapping[str, nn.Module],
    batch: Mapping[str, Any],
    device: torch.device,
    rounds: int,
    warmup: int,
    progress: OnProgress = lambda done, total: None,
) -> dict[str, list[float]]:
    """Variant -> seconds of each round."""
    seconds: dict[str, list[float]] = {name: [] for name in models}
    names = list(models)
    for turn in range(-warmup, rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            taken = _seconds(models[name], batch, device)
            if turn >= 0:
                seconds[name].append(taken)
        progress(turn + 1 + warmup, rounds + warmup)
    return seconds


def _rounds(models: Mapping[str, nn.Module], batch: Mapping[str, Any], device: torch.device) -> int:
    """As many as fit into SECONDS, from the time that a first round takes."""
    once = sum(_seconds(model, batch, device) for model in models.values())
    return min(max(int(SECONDS / once), LEAST), MOST)


@torch.no_grad()
def _seconds(model: Any, batch: Mapping[str, Any], device: torch.device) -> float:
    _finish(device)
    start = time.perf_counter()
    model.test_step(batch)
    _finish(device)
    return time.perf_counter() - start


def _finish(device: torch.device) -> None:
    """Wait until a GPU has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def _memory(
    model: Any, plan: Plan, one: Mapping[str, Any], training: Mapping[str, Any], device: torch.device
) -> Memory:
    """Of one image's inference, and of a training step, the optimizer's first one: that makes its state."""

    @torch.no_grad()
    def infer() -> None:
        model.test_step(one)

    inference = peak_bytes(model, device, infer)
    settings: Any = plan.config["optim_wrapper"]
    optimizer = build_optim_wrapper(model, Config({"optim_wrapper": settings}).optim_wrapper)
    model.train()
    if hasattr(model, "set_epoch"):  # TOOD's loss asks for it; a hook sets it while training
        model.set_epoch(0)
    step = peak_bytes(model, device, lambda: model.train_step(training, optimizer))
    model.zero_grad(set_to_none=True)
    model.eval()
    return Memory(inference=inference, training=step)


def _model(config: Mapping[str, Any], device: torch.device) -> nn.Module:
    torch.manual_seed(0)
    model: Any = MODELS.build(Config({"model": config["model"]}).model)
    for module in model.modules():  # neither weights nor a checkpoint matter here: only shapes do
        module.init_cfg = None
    return model.to(device, memory_format=memory_format(config)).eval()


def _batch(image_size: tuple[int, int], device: torch.device, images: int = 1, boxes: bool = False) -> dict[str, Any]:
    """Random images, with one box of the first class each where a training step needs them."""
    width, height = image_size
    generator = torch.Generator().manual_seed(0)
    inputs, samples = [], []
    for _ in range(images):
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
        if boxes:
            box = torch.tensor([[width / 4, height / 4, width / 2, height / 2]], device=device)
            label = torch.zeros(1, dtype=torch.long, device=device)
            sample.gt_instances = InstanceData(bboxes=box, labels=label)
        inputs.append(image.to(device))
        samples.append(sample)
    return {"inputs": inputs, "data_samples": samples}


def _size(model: nn.Module) -> dict[str, int]:
    """Parameters by the sum of their elements, the attention's own apart."""
    ours = {id(p): p.numel() for module in attention_modules(model).values() for p in module.parameters()}
    return {"parameters": sum(p.numel() for p in model.parameters()), "attention_parameters": sum(ours.values())}


def attention_parameters(config: Mapping[str, Any]) -> int:
    """Learnable parameters that the attention of a resolved config adds; built on no device, so at no cost."""
    return _size(build_without_weights(config["model"]))["attention_parameters"]
