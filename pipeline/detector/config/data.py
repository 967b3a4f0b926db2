"""The prepared data set as MMDetection's loaders and evaluators name it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.common.paths import Paths
from pipeline.records import Manifest
from pipeline.study.sections import Train

PATHS = Paths()  # relative: a plan holds on any machine
SHARED_DRAWS = "SharedDrawsDataset"


def files(manifest: Manifest, split: str) -> dict[str, Any]:
    """The keys of a COCO dataset that say which images, boxes and classes."""
    return dict(
        metainfo=dict(classes=tuple(manifest.classes)),
        ann_file=_annotations(manifest, split),
        data_prefix=dict(img=manifest.splits[split].images),
    )


def loader(dataset: Mapping[str, Any], train: Train, batch_size: int, shuffle: bool, **more: Any) -> dict[str, Any]:
    return dict(
        batch_size=batch_size,
        num_workers=train.workers,
        persistent_workers=shuffle and train.workers > 0,
        sampler=dict(type="PassesDefaultSampler" if shuffle else "DefaultSampler", shuffle=shuffle),
        dataset=dataset,
        **more,
    )


def set_evaluation(cfg: Any, train: Train, manifest: Manifest, pipeline: list[Any]) -> None:
    """Validation while training where it is asked for, and the split that is predicted in the end."""
    report = manifest.report_split

    def tested(split: str) -> dict[str, Any]:
        dataset = dict(type=SHARED_DRAWS, **files(manifest, split), test_mode=True, pipeline=pipeline)
        batches = dict(type="EqualSizesBatchSampler", drop_last=False)
        return loader(dataset, train, train.predict_batch, False, drop_last=False, batch_sampler=batches)

    def evaluator(split: str) -> dict[str, Any]:
        return dict(type="CocoMetric", ann_file=_annotations(manifest, split), metric="bbox")

    cfg.val_dataloader, cfg.test_dataloader = tested("val"), tested(report)
    cfg.val_evaluator, cfg.test_evaluator = evaluator("val"), evaluator(report)
    cfg.val_cfg, cfg.test_cfg = dict(type="ValLoop"), dict(type="TestLoop")
    if not train.val_interval:  # MMEngine wants all three or none, and would validate after the last epoch
        cfg.val_dataloader = cfg.val_evaluator = cfg.val_cfg = None


def _annotations(manifest: Manifest, split: str) -> str:
    return str(PATHS.coco / manifest.splits[split].annotations)
