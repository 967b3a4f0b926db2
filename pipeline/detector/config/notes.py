"""What a reader of a plan should know of its detector, in sentences; they decide nothing."""

from __future__ import annotations

from collections.abc import Iterator

from mmengine.config import Config

from pipeline.detector.config import base
from pipeline.detector.config.changes import replaced
from pipeline.detector.config.model import nodes
from pipeline.detector.places.maps import build_without_weights
from pipeline.detector.places.own import own_attention
from pipeline.detector.places.pairs import pixel_pairs
from pipeline.study import Study


def notes(study: Study, resolved: Config) -> list[str]:
    """What the recipe replaces of the base config, attention that the detector has by itself, and what is odd."""
    return list(_notes(study, resolved))


def _notes(study: Study, resolved: Config) -> Iterator[str]:
    name, recipe = study.detector.config, study.train.recipe
    config = base.load(name)
    gone = replaced(config, resolved)
    if gone:
        yield f"recipe: {recipe} replaces of {name}: {'; '.join(gone)}"
    if study.train.resample:
        yield "every seed draws its training images anew, with replacement and by whole groups where there are any"
    for words in own_attention(build_without_weights(resolved.model)):
        yield f"the detector has attention of its own: {words}"
    for insertion, pairs in zip(resolved.model.get("attention", []), pixel_pairs(resolved), strict=True):
        if pairs:
            yield f"attention {insertion.name} compares {pairs:,} pairs of pixels an image; they grow with its square"
    if recipe == "config":
        yield from _unscaled(study, config, resolved)
        yield from _cached(resolved)


def _unscaled(study: Study, config: Config, resolved: Config) -> Iterator[str]:
    batch = resolved.train_dataloader.batch_size * resolved.resources.processes
    base_batch = (config.get("auto_scale_lr") or {}).get("base_batch_size")
    if base_batch and batch != base_batch and not study.train.model_fields_set & {"batch_size", "lr", "processes"}:
        yield (
            f"the config's learning rate is for a batch of {base_batch}, this study's batch is {batch}; "
            "train.batch_size, once given, scales it"
        )


def _cached(resolved: Config) -> Iterator[str]:
    kinds = {str(node.get("type")) for node in nodes(resolved.train_dataloader.dataset)}
    cached = sorted(kind for kind in kinds if kind.startswith("Cached"))
    if cached and "max_iters" in resolved.train_cfg:
        yield f"{', '.join(cached)} keeps images of earlier iterations: a resumed cell ends with other numbers"
