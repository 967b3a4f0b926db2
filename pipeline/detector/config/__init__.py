"""Study -> the complete MMEngine config of a variant. What two variants share is written once, here."""

from __future__ import annotations

from dataclasses import asdict

from mmengine.config import Config

from pipeline.common.errors import UserError
from pipeline.detector.config import base, own_recipe, study_recipe
from pipeline.detector.config.control import widened
from pipeline.detector.config.data import PATHS
from pipeline.detector.config.model import prepare, single_process_norms
from pipeline.detector.config.overrides import override
from pipeline.detector.config.runtime import set_runtime
from pipeline.detector.config.support import refusal
from pipeline.detector.config.width import make_thin
from pipeline.detector.places.find import find_sites
from pipeline.detector.places.maps import host_of
from pipeline.detector.published import load_as_others_do
from pipeline.detector.resampled import declare
from pipeline.records import Manifest
from pipeline.study import Study
from pipeline.study.sections import Variant


def resolve(study: Study, variant: str | Variant, manifest: Manifest | None = None) -> Config:
    """The MMEngine Config that trains `variant`; it needs no seed: that is given when a cell starts.

    `manifest` is the prepared data set's, read from data/coco by default. Raises UserError for a base config that is
    unknown or cannot be trained on boxes, an override that fits nowhere, and a place that the detector does not have.
    """
    if isinstance(variant, str):
        variant = study.variants[variant]
    cfg = without_attention(study, variant, manifest)
    if variant.attention or variant.widen:  # last, so that an override may replace a backbone and lose no module
        host = host_of(cfg.model.to_dict(), tuple(cfg.resources.image_size))
        if variant.widen:
            inserted = widened(host, variant.widen, study.variants[variant.widen].attention)
        else:
            sites = find_sites(host, variant.attention)
            inserted = [
                dict(name=insertion.name, options=insertion.options, sites=[asdict(site) for site in found])
                for insertion, found in zip(variant.attention, sites, strict=True)
            ]
        cfg.model = dict(cfg.model, type="WithAttention", module=cfg.model.type, attention=inserted)
    return cfg


def without_attention(study: Study, variant: Variant, manifest: Manifest | None = None) -> Config:
    """The config of a variant's detector before any attention is placed in it."""
    manifest = Manifest.read(PATHS.manifest) if manifest is None else manifest
    detector, train = study.detector, study.train
    cfg = base.load(detector.config)
    reason = refusal(cfg, len(manifest.classes))
    if reason:
        raise UserError(f"detector.config: {detector.config!r} is not supported: {reason}")
    own = train.recipe == "config"
    prepare(cfg.model, detector, len(manifest.classes), keep_freezing=own)
    if detector.width == "thin":
        make_thin(cfg.model, detector.config)
    if own:
        hooks, image_size = own_recipe.apply(cfg, train, manifest)
    else:
        study_recipe.apply(cfg, train, manifest)
        hooks, image_size = [], train.image_size
    if train.resample:
        declare(cfg.train_dataloader.dataset)
    set_runtime(cfg, train, image_size, hooks)
    for source, overrides in (("detector", detector.overrides), ("variant", variant.overrides)):
        for key, value in overrides.items():
            override(cfg, key, value, source)
    if detector.weights:
        load_as_others_do(cfg)
    if train.processes == 1 or train.device == "cpu":
        single_process_norms(cfg.model)
    return cfg
