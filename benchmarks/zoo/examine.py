"""One config, without weights: does it resolve and build under both recipes, and which places does it have?"""

from __future__ import annotations

import traceback
from collections import Counter
from typing import Any

from benchmarks.zoo.kept import lost
from pipeline.common.errors import UserError
from pipeline.detector.config import base, resolve
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
PLACES = ("before_add", "after_stage", "neck")


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
    size: dict[str, Any] = {"image_size": [256, 160]} if recipe == "study" else {}
    return Study.model_validate(
        {
            "dataset": {"source": "roadmarks"},
            "detector": {"config": name, "width": "full", "overrides": overrides or {}},
            "train": {"recipe": recipe, **size, **train},
            "variants": {"baseline": {}, **(variants or {})},
            "seeds": [0],
        }
    )


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
        for recipe in RECIPES:
            record["recipes"][recipe] = _recipe(name, recipe, cfg, manifest(classes))
        if all("error" not in record["recipes"][recipe] for recipe in RECIPES):
            record |= _placed(name, manifest(classes))
    except UserError as error:
        record["refused"] = str(error)
    except Exception:
        record["traceback"] = traceback.format_exc()
    return record


def _recipe(name: str, recipe: str, cfg: Any, data: Manifest) -> dict[str, Any]:
    """Whether a recipe resolves and all its parts build, and what of the config it does not keep."""
    try:
        resolved = checked(study(name, recipe), "baseline", data)
    except UserError as error:
        return {"error": str(error)}
    found: dict[str, Any] = {"replaced": replaced(cfg, resolved)}
    if recipe == "config":
        found["lost"] = lost(cfg, resolved)
    return found


def _placed(name: str, data: Manifest) -> dict[str, Any]:
    """The named places with their counts, and whether attention there leaves every other key as it was."""
    plain = resolve(study(name, "study"), "baseline", data)
    host = host_of(plain.model.to_dict(), tuple(plain.resources.image_size))
    counts = Counter(place.name for place in (*backbone_places(host), *neck_places(host)))
    before = set(host.model.state_dict())
    kept, errors = {}, {}
    for place in PLACES:
        variants: dict[str, Any] = {"x": {"attention": "eca", "place": place}}
        try:
            built = build_without_weights(resolve(study(name, "study", variants), "x", data).model)
        except UserError as error:
            errors[place] = str(error)
            continue
        ours = tuple(f"{key}." for key in attention_modules(built))
        kept[place] = bool(ours) and {key for key in built.state_dict() if not key.startswith(ours)} == before
    return {"places": dict(counts), "kept": kept, "no_place": errors, "own": own_attention(host.model)}


def _types(part: Any) -> str:
    parts = part if isinstance(part, list | tuple) else [part]
    return " + ".join(str(item["type"]) for item in parts if item)
