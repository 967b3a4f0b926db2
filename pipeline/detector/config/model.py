"""What a study sets in the model of any base config: classes, weights, freezing, norms of one process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.study.sections import Detector

STEM_IS_ONE = ("Darknet", "EfficientNet")  # they count the stem as stage 1, and begin with 0 for nothing frozen
SYNC = ("SyncBN", "MMSyncBN", "NaiveSyncBN")


def prepare(model: Any, detector: Detector, classes: int, keep_freezing: bool) -> None:
    """Set `classes`, the study's weights, and what it freezes; `keep_freezing`: only what params.yaml gives."""
    _set_classes(model, classes)
    # Without weights MMDetection's own initialisation must run: it does where nothing pretrained is named.
    for node in nodes(model):
        node.pop("pretrained", None)
        if _is_pretrained(node.get("init_cfg")):
            node.pop("init_cfg")
    if detector.weights:
        model.backbone.init_cfg = dict(type="Pretrained", checkpoint=detector.weights)
    backbone = model.backbone
    given = detector.model_fields_set if keep_freezing else {"frozen_stages", "norm_eval"}
    if "frozen_stages" in backbone and "frozen_stages" in given:
        backbone.frozen_stages = detector.frozen_stages + (backbone.type in STEM_IS_ONE)
    if "norm_eval" in backbone and "norm_eval" in given:
        backbone.norm_eval = detector.norm_eval


def single_process_norms(model: Any) -> None:
    """SyncBN -> BN, with the same keys: MMDetection's SyncBN refuses to run without a process group."""
    for node in nodes(model):
        for key, value in node.items():
            if "norm_cfg" in str(key) and isinstance(value, Mapping) and value.get("type") in SYNC:
                value["type"] = "BN"  # type: ignore[index]


def nodes(value: Any) -> Iterator[Any]:
    """Every mapping in a config, from the root down."""
    if isinstance(value, Mapping):
        yield value
    for item in list(value.values()) if isinstance(value, Mapping) else value:
        if isinstance(item, Mapping | list | tuple):
            yield from nodes(item)


def _is_pretrained(init_cfg: Any) -> bool:
    entries = init_cfg if isinstance(init_cfg, list | tuple) else [init_cfg]
    return any(isinstance(entry, Mapping) and "checkpoint" in entry for entry in entries)  # PVT's has no type


def _set_classes(node: Any, count: int) -> None:
    """Every `num_classes` of the model, but an RPN's own (always 1)."""
    for key, value in list(node.items()):
        if key == "num_classes":
            node[key] = count
        elif isinstance(value, Mapping) and key != "rpn_head":
            _set_classes(value, count)
        elif isinstance(value, list | tuple):
            for item in value:
                if isinstance(item, Mapping):
                    _set_classes(item, count)
