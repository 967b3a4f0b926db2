"""What `recipe: config` must leave as it is: both configs brought to the same form, then compared leaf by leaf.

Written without the code that resolves, from MMDetection's keys alone, so that the two can disagree.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MACHINE = ("num_workers", "persistent_workers", "pin_memory", "dataset", "prefetch_factor")
OURS = ("CommonRandomNumbers", "History")
SYNC = {"SyncBN": "BN", "MMSyncBN": "BN"}


def lost(base: Mapping[str, Any], resolved: Mapping[str, Any]) -> list[str]:
    """Dotted paths at which two configs differ beyond files, classes, weights, logging and device."""
    before, after = (_leaves(_form(_plain(cfg))) for cfg in (base, resolved))
    added = {path for path in after.keys() - before.keys() if path.startswith("loader.")}  # what the config leaves out
    paths = (before.keys() | after.keys()) - added - {"loader"}  # a leaf only where the config leaves out everything
    return sorted(path for path in paths if before.get(path) != after.get(path))


def _form(cfg: dict[str, Any]) -> dict[str, Any]:
    loader, wrapper, loop = cfg["train_dataloader"], dict(cfg["optim_wrapper"]), cfg["train_cfg"]
    for key in ("constructor", "base_constructor", "loss_scale", "dtype"):
        wrapper.pop(key, None)
    wrapper["type"] = str(wrapper["type"]).removeprefix("Amp")
    schedule = cfg.get("param_scheduler") or []
    return {
        "model": _model(cfg["model"]),
        "data": _dataset(loader["dataset"]),
        "loader": {k: v for k, v in loader.items() if k not in MACHINE and v is not None}
        | ({"sampler": _sampler(loader["sampler"])} if loader.get("sampler") else {}),
        "test": _leaf(cfg["test_dataloader"]["dataset"])["pipeline"],
        "optimizer": wrapper,
        "schedule": schedule if isinstance(schedule, list) else [schedule],
        "loop": {key: loop[key] for key in ("max_epochs", "max_iters") if key in loop},
        "hooks": [hook for hook in cfg.get("custom_hooks") or [] if hook["type"] not in OURS],
    }


def _sampler(sampler: dict[str, Any]) -> dict[str, Any]:
    return {key: value.removeprefix("Passes") if key == "type" else value for key, value in sampler.items()}


def _model(value: Any, key: str = "") -> Any:
    if isinstance(value, Mapping):
        gone = ("pretrained",) if _pretrained(value.get("init_cfg")) is None else ("pretrained", "init_cfg")
        return {k: _model(v, k) for k, v in value.items() if k not in gone}
    if isinstance(value, list):
        return [_model(item) for item in value]
    if key == "num_classes":
        return "classes"
    return SYNC.get(value, value) if key == "type" else value


def _pretrained(init_cfg: Any) -> Any:
    parts = init_cfg if isinstance(init_cfg, list) else [init_cfg]
    found = [part for part in parts if isinstance(part, Mapping) and "checkpoint" in part]
    return found or None


def _dataset(node: dict[str, Any]) -> dict[str, Any]:
    if "datasets" in node:
        return _dataset(node["datasets"][0])
    if "dataset" in node:
        kind = node["type"].removeprefix("SharedDraws")
        return {**node, "type": kind, "dataset": _dataset(node["dataset"])}
    return {key: node[key] for key in ("pipeline", "filter_cfg") if node.get(key) is not None}


def _leaf(node: dict[str, Any]) -> dict[str, Any]:
    while "dataset" in node or "datasets" in node:
        node = node["dataset"] if "dataset" in node else node["datasets"][0]
    return node


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _leaves(value: Any, path: str = "") -> dict[str, Any]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if not items or not value:
        return {path: value}
    return {k: v for key, item in items for k, v in _leaves(item, f"{path}.{key}".strip(".")).items()}
