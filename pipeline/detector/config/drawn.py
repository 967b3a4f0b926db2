"""Pipelines are tried on drawn images: what has the right type may still make no sense (`scale: wide`)."""

from __future__ import annotations

import copy
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmdet.registry import DATASETS, MODELS
from mmengine.config import ConfigDict
from mmengine.dataset import pseudo_collate

from pipeline.detector.config.model import nodes

IMAGES, WIDTH, HEIGHT = 4, 128, 96
BOX = [32, 24, 64, 48]  # x, y, width, height
Folder = Path
_passed: set[str] = set()  # the variants of a study share their pipelines


def pass_images(cfg: Any) -> None:
    """Two drawn images pass through the training pipelines and the preprocessor, one through those of testing.

    Batch augmentations are left out: they ask a training how far it is. Raises whatever a transform raises.
    """
    settings = {key: value for key, value in cfg.model.data_preprocessor.items() if key != "batch_augments"}
    key = repr((cfg.train_dataloader.dataset, cfg.test_dataloader.dataset, settings))
    if key in _passed:
        return
    preprocess = MODELS.build(copy.deepcopy(settings))
    with _drawn(cfg.test_dataloader.dataset.metainfo.classes) as folder:
        for loader, batch, training in ((cfg.train_dataloader, 2, True), (cfg.test_dataloader, 1, False)):
            dataset = DATASETS.build(_on_drawn(loader.dataset, folder))
            preprocess(pseudo_collate([dataset[i] for i in range(batch)]), training)
    _passed.add(key)


def _on_drawn(dataset: Any, folder: Folder) -> ConfigDict:
    dataset = copy.deepcopy(ConfigDict(dataset))
    for node in nodes(dataset):
        if "ann_file" in node:
            node.update(ann_file=str(folder / "drawn.json"), data_prefix=dict(img=str(folder)))
            node.pop("resample", None)  # a plan knows no seed, and these are too few to draw from
    return dataset


@contextmanager
def _drawn(classes: tuple[str, ...]) -> Iterator[Folder]:
    """A folder with images of noise and their annotations: a box of the first class in each."""
    noise = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        images = [dict(id=i, file_name=f"{i}.png", width=WIDTH, height=HEIGHT) for i in range(1, IMAGES + 1)]
        for image in images:
            pixels = noise.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
            cv2.imwrite(str(folder / str(image["file_name"])), pixels)
        boxes = [
            dict(id=i, image_id=i, category_id=1, bbox=BOX, area=BOX[2] * BOX[3], iscrowd=0)
            for i in range(1, IMAGES + 1)
        ]
        categories = [dict(id=i, name=name) for i, name in enumerate(classes, 1)]
        content = dict(images=images, annotations=boxes, categories=categories)
        (folder / "drawn.json").write_text(json.dumps(content), encoding="utf-8")
        yield folder
