"""Training images drawn anew for each seed: as many as there are, with replacement, images of one group together.

Seeds then differ in their training set too, as the training sets of two laboratories would (Bouthillier et al.,
Accounting for Variance in Machine Learning Benchmarks, MLSys 2021), and the spread between seeds holds it. All variants
of one seed train on the same images.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from mmdet.datasets import CocoDataset
from mmdet.registry import DATASETS

from pipeline.common.errors import UserError

SEEDS = "seeds"  # in a plan, which knows no seed
LEAST = 8  # images, or groups: fewer are hardly ever drawn as they are spread


@DATASETS.register_module()
class ResampledDataset(CocoDataset):
    """COCO; with `resample`, a seed, those of its images that this seed draws."""

    def __init__(self, *args: Any, resample: int | str | None = None, **kwargs: Any) -> None:
        if resample == SEEDS:
            raise UserError("train.resample: this config is a plan's, which knows no seed: give `resample` a number")
        self.resample = resample
        super().__init__(*args, **kwargs)

    def parse_data_info(self, raw_data_info: dict[str, Any]) -> Any:
        """With the group that `dataset.group` gave the image; alone, an image is a group of its own."""
        info = super().parse_data_info(raw_data_info)
        if self.resample is not None:
            group = raw_data_info["raw_img_info"].get("group")
            info["group"] = info["img_id"] if group is None else group
        return info

    def filter_data(self) -> list[dict[str, Any]]:
        """Draw among the images that are trained on: those without boxes are gone."""
        found: list[dict[str, Any]] = super().filter_data()
        return found if self.resample is None else draw(found, int(self.resample))


def declare(dataset: Any) -> None:
    """In a plan: the training images, within all wrappers of `dataset`, are those of the seed."""
    images = _innermost(dataset)
    if images["type"] == "CocoDataset":
        images["type"] = ResampledDataset.__name__
    images["resample"] = SEEDS


def give_seed(dataset: Any, seed: int) -> None:
    """In a cell: these are they, where the plan says so."""
    images = _innermost(dataset)
    if images.get("resample") == SEEDS:
        images["resample"] = seed


def _innermost(dataset: Any) -> Any:
    while "dataset" in dataset:
        dataset = dataset["dataset"]
    return dataset


def draw(images: list[dict[str, Any]], seed: int) -> list[dict[str, Any]]:
    """As many groups as there are, with replacement, each with all its images.

    Raises UserError for fewer than 8 groups.
    """
    groups: dict[Any, list[dict[str, Any]]] = {}
    for image in images:
        groups.setdefault(image["group"], []).append(image)
    if len(groups) < LEAST:
        raise UserError(
            f"train.resample: seeds: the training images form {len(groups)} groups (each image one, without "
            f"dataset.group); at least {LEAST} are needed to draw a training set anew; leave the key out"
        )
    members = list(groups.values())
    return [image for g in np.random.default_rng(seed).integers(0, len(members), len(members)) for image in members[g]]
