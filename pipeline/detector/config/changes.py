"""What of a base config a resolved one no longer holds, in words for the plan and the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.detector.config.model import nodes
from pipeline.detector.config.runtime import STUDY_HOOKS

NO_AUGMENTATION = ("Load", "Pack", "TransformBroadcaster", "ProposalBroadcaster")


def replaced(base: Mapping[str, Any], resolved: Mapping[str, Any]) -> list[str]:
    """Sentences such as `hooks: EMAHook, PipelineSwitchHook`: parts of `base` that `resolved` has otherwise or not."""
    before, after = _parts(base), _parts(resolved)
    return [f"{name}: {text}" for name, text in before.items() if text and after.get(name) != text]


def _parts(cfg: Mapping[str, Any]) -> dict[str, str]:
    loader, wrapper = cfg.get("train_dataloader") or {}, cfg.get("optim_wrapper") or {}
    optimizer = wrapper.get("optimizer") or {}
    return {
        "augmentation": ", ".join(_augmentation(loader.get("dataset") or {})),
        "data set wrappers": ", ".join(_wrappers(loader.get("dataset") or {})),
        "batch sampler": _type(loader.get("batch_sampler")),
        "batch augmentation": ", ".join(
            _type(part) for part in (cfg["model"].get("data_preprocessor") or {}).get("batch_augments") or []
        ),
        "optimizer": " ".join(f"{k} {v}" if k != "type" else str(v) for k, v in optimizer.items() if k in SHOWN),
        "parameter groups": ", ".join((wrapper.get("paramwise_cfg") or {}).keys()),
        "gradient clipping": " ".join(f"{k} {v}" for k, v in (wrapper.get("clip_grad") or {}).items()),
        "gradient accumulation": str(wrapper.get("accumulative_counts") or ""),
        "mixed precision": "AMP" if wrapper.get("type") == "AmpOptimWrapper" else "",
        "schedule": ", ".join(_schedule(cfg.get("param_scheduler"))),
        "loop": _loop(cfg.get("train_cfg") or {}),
        "hooks": ", ".join(_type(hook) for hook in cfg.get("custom_hooks") or [] if _type(hook) not in STUDY_HOOKS),
        "pretrained weights": "yes" if any(_is_pretrained(node) for node in nodes(cfg["model"])) else "",
    }


SHOWN = ("type", "lr", "momentum", "weight_decay")


def _type(part: Any) -> str:
    return str(part.get("type", "")) if isinstance(part, Mapping) else ""


def _augmentation(dataset: Any) -> Iterator[str]:
    """Transforms of all pipelines, the innermost data set's first."""
    for inner in (dataset.get("dataset"), *(dataset.get("datasets") or [])[:1]):
        if inner:
            yield from _augmentation(inner)
    for part in nodes(dataset.get("pipeline") or []):
        if _type(part) and not _type(part).startswith(NO_AUGMENTATION):
            yield _type(part)


def _wrappers(dataset: Any) -> Iterator[str]:
    while "dataset" in dataset or "datasets" in dataset:
        yield _type(dataset).removeprefix("SharedDraws") + (f" x {dataset['times']}" if "times" in dataset else "")
        dataset = dataset["dataset"] if "dataset" in dataset else dataset["datasets"][0]


def _schedule(schedulers: Any) -> Iterator[str]:
    for scheduler in [schedulers] if isinstance(schedulers, Mapping) else schedulers or []:
        facts = [f"{key} {scheduler[key]}" for key in ("end", "milestones") if scheduler.get(key) is not None]
        yield " ".join([_type(scheduler), *facts])


def _loop(train_cfg: Mapping[str, Any]) -> str:
    length = train_cfg.get("max_epochs"), train_cfg.get("max_iters")
    return f"{length[0]} epochs" if length[0] else f"{length[1]} iterations" if length[1] else ""


def _is_pretrained(node: Mapping[str, Any]) -> bool:
    return "checkpoint" in node
