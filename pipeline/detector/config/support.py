"""Detectors that a study of boxes cannot train, each with the one sentence that says why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

VIDEO = "tracks objects through a video; a study here is of single images"
REASONS: Mapping[str, str] = {
    "MaskTrackRCNN": VIDEO, "Mask2FormerVideo": VIDEO, "ByteTrack": VIDEO, "OCSORT": VIDEO, "QDTrack": VIDEO,
    "DeepSORT": VIDEO, "StrongSORT": VIDEO,
    "BaseReID": "re-identifies persons and detects nothing",
    "GLIP": "is grounded in text prompts, which COCO boxes do not have",
    "GroundingDINO": "is grounded in text prompts, which COCO boxes do not have",
    "KnowledgeDistillationSingleStageDetector": "distils a trained teacher, which a study does not have",
    "LAD": "distils a trained teacher, which a study does not have",
    "SoftTeacher": "is trained on unlabelled images too (semi-supervised)",
    "PanopticFPN": "segments panoptically and needs masks of things and stuff",
    "MaskFormer": "segments panoptically and needs masks of things and stuff",
    "Mask2Former": "segments panoptically or by instance and needs masks",
    "CLRNet": "detects lanes, not boxes",
    "Detectron2Wrapper": "is a model of detectron2, which is not part of MMDetection",
    "FastRCNN": "needs precomputed proposals, which a study does not have",
    "RPN": "proposes regions without classes; a data set of one class is what it can be scored on",
}  # fmt: skip
MASKS = "needs masks, and this version trains on boxes alone"
MASK_DETECTORS = (
    "SOLO", "SOLOv2", "YOLACT", "BoxInst", "CondInst", "PointRend", "MaskScoringRCNN", "QueryInst", "SCNet",
    "HybridTaskCascade",
)  # fmt: skip


def refusal(cfg: Mapping[str, Any], classes: int) -> str | None:
    """Why a base config cannot be trained on boxes of `classes` classes; None where it can."""
    model = cfg.get("model") or {}
    kind = str(model.get("type", "")).rpartition(".")[2]
    if kind == "RPN" and classes == 1:
        return None
    if kind in REASONS:
        return f"{kind} {REASONS[kind]}"
    if model.get("backbone") is None:
        return "it has no model.backbone: a part of a config, or no detector"
    if kind in MASK_DETECTORS or _has_mask_head(model) or any(node.get("with_mask") for node in _dicts(_training(cfg))):
        return f"{kind} {MASKS}"
    return None


def _training(cfg: Mapping[str, Any]) -> Any:
    return (cfg.get("train_dataloader") or {}).get("dataset")


def _has_mask_head(model: Mapping[str, Any]) -> bool:
    roi_head = model.get("roi_head") or {}
    return any(part.get("mask_head") or part.get("semantic_head") for part in (model, roi_head))


def _dicts(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        yield value
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from _dicts(item)
