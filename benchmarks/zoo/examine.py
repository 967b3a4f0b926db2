"""One config, without weights: does it resolve and build under both recipes, and which places does it have?"""

from __future__ import annotations

import traceback
from collections import Counter
from typing import Any

from mmengine.config import Config

from benchmarks.zoo.kept import lost
from pipeline.common.errors import UserError
from pipeline.common.files import digest
from pipeline.detector.config import base, resolve, scaling
from pipeline.detector.config.changes import replaced
from pipeline.detector.config.check import checked
from pipeline.detector.config.support import refusal
from pipeline.detector.placement import attention_modules
from pipeline.detector.places.maps import build_without_weights, host_of
from pipeline.detector.places.named import backbone_places, neck_places
from pipeline.detector.places.own import own_attention
from pipeline.records import Manifest
from pipeline.records.manifest import SplitFiles
from pipeline.study import Study

CLASSES = ["car", "person", "sign"]
RECIPES = ("study", "config")
TAKES_A_GPU = "; set device: cuda"  # the end of what `checked` says
PLACES = ("before_add", "after_stage", "neck")
_seen: dict[str, dict[str, Any]] = {}


def manifest(classes: int = len(CLASSES), images: int = 100_000) -> Manifest:
    """A prepared data set that is nowhere on disk: to resolve and build, none is read."""
    splits = {
        name: SplitFiles(annotations=f"{name}.json", images="images", count=images, boxes=images)
        for name in ("train", "val")
    }
    return Manifest(classes=CLASSES[:classes], splits=splits, report_split="val", digest="")


def study(
    name: str,
    recipe: str,
    variants: dict[str, Any] | None = None,
    overrides: dict[str, Any] | None = None,
    **train: Any,
) -> Study:
    size: dict[str, Any] = {"image_size": _own_size(name)} if recipe == "study" else {}
    return Study.model_validate(
        {
            "dataset": {"source": "roadmarks"},
            "detector": {"config": name, "width": "full", "overrides": overrides or {}},
            "train": {"recipe": recipe, **size, **train},
            "variants": {"baseline": {}, **(variants or {})},
            "seeds": [0],
        }
    )


def _own_size(name: str) -> tuple[int, int]:
    """What the config tests at: SSD and FPG take no other, and a model passes the same image under both recipes."""
    loader = base.load(name).get("test_dataloader") or {}
    return scaling.test_size((loader.get("dataset") or {}).get("pipeline") or []) or (640, 640)


def examine(name: str) -> dict[str, Any]:
    """What a study can do with a config, as a record; `traceback` holds what should never be."""
    record: dict[str, Any] = {"config": name, "refused": None, "traceback": None, "recipes": {}, "places": {}}
    try:
        cfg = base.load(name)
        model = cfg.get("model") or {}
        record |= {
            "detector": model.get("type"), "backbone": _types(model.get("backbone")), "neck": _types(model.get("neck")),
        }  # fmt: skip
        record["refused"] = refusal(cfg, len(CLASSES))
        classes = 1 if record["refused"] and refusal(cfg, 1) is None else len(CLASSES)
        if classes == 1:
            record["refused"], record["one_class"] = None, True
        if record["refused"]:
            return record
        for device in ("cpu", "cuda"):
            record["device"] = device
            for recipe in RECIPES:
                record["recipes"][recipe] = _recipe(name, recipe, cfg, manifest(classes), device)
            if not str(record["recipes"]["study"].get("error")).endswith(TAKES_A_GPU):
                break
        if all("error" not in record["recipes"][recipe] for recipe in RECIPES):
            record |= _placed(name, manifest(classes), device)
    except UserError as error:
        record["refused"] = str(error)
    except Exception:
        record["traceback"] = traceback.format_exc()
    return record


def _recipe(name: str, recipe: str, cfg: Any, data: Manifest, device: str) -> dict[str, Any]:
    """Whether a recipe resolves and all its parts build, and what of the config it does not keep."""
    try:
        resolved = checked(study(name, recipe, device=device), "baseline", data)
    except UserError as error:
        return {"error": str(error)}
    found: dict[str, Any] = {"replaced": replaced(cfg, resolved)}
    if recipe == "config":
        found["lost"] = lost(cfg, resolved)
    return found


def _placed(name: str, data: Manifest, device: str) -> dict[str, Any]:
    """`_places`, looked at once for all configs of one model: many differ in schedule or augmentation alone."""
    plain = resolve(study(name, "study", device=device), "baseline", data)
    key = digest(plain.model.to_dict())
    if key not in _seen:
        _seen[key] = _places(plain, name, data, device)
    return _seen[key]


def _places(plain: Config, name: str, data: Manifest, device: str) -> dict[str, Any]:
    """The named places with their counts, and whether attention there leaves every other key as it was."""
    host = host_of(plain.model.to_dict(), tuple(plain.resources.image_size))
    counts = Counter(place.name for place in (*backbone_places(host), *neck_places(host)))
    before = set(host.model.state_dict())
    kept, errors = {}, {}
    for place in PLACES:
        variants: dict[str, Any] = {"x": {"attention": "eca", "place": place}}
        try:
            resolved = resolve(study(name, "study", variants, device=device), "x", data)
            built = build_without_weights(resolved.model)
        except UserError as error:
            errors[place] = str(error)
            continue
        ours = tuple(f"{key}." for key in attention_modules(built))
        kept[place] = bool(ours) and {key for key in built.state_dict() if not key.startswith(ours)} == before
    return {"places": dict(counts), "kept": kept, "no_place": errors, "own": own_attention(host.model)}


def _types(part: Any) -> str:
    parts = part if isinstance(part, list | tuple) else [part]
    return " + ".join(str(item["type"]) for item in parts if item)
