"""Data sets whose augmentation depends on seed, pass and image alone, and samplers that say which pass it is.

The pass travels in the index: image i of n in pass p is i + p n. So data workers that live through all epochs see each
epoch's draws, and a loop without epochs has passes too.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from mmdet.datasets import MultiImageMixDataset
from mmdet.datasets.samplers import ClassAwareSampler
from mmdet.registry import DATA_SAMPLERS, DATASETS
from mmengine.dataset import ClassBalancedDataset, DefaultSampler, InfiniteSampler, RepeatDataset

from pipeline.detector.randomness import derive
from pipeline.detector.resampled import ResampledDataset


@contextmanager
def _isolated(seed: int) -> Iterator[None]:
    """Seed for the duration of one image, then give the generators back as they were; a GPU's are left alone."""
    before = random.getstate(), np.random.get_state(), torch.get_rng_state()
    random.seed(seed)
    np.random.seed(seed)
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
        torch.set_rng_state(before[2])


class SharedDraws:
    """The outermost of a data set and its wrappers.

    What a mosaic draws for one of its images (which others it takes, and what is done to them) follows from that image
    too. The hook CommonRandomNumbers sets `draw_seed`.
    """

    draw_seed = 0
    _pass: int | None = None

    def __getitem__(self, idx: int) -> dict[str, Any]:
        number, image = divmod(idx, len(self))  # type: ignore[arg-type]
        if number != self._pass:
            forget_cached_images(self)
            self._pass = number
        with _isolated(derive(self.draw_seed, number, "image", image)):
            data: dict[str, Any] = super().__getitem__(image)  # type: ignore[misc]
        return data

    def get_data_info(self, idx: int) -> dict[str, Any]:
        info: dict[str, Any] = super().get_data_info(idx % len(self))  # type: ignore[misc,arg-type]
        return info


def forget_cached_images(dataset: Any) -> None:
    """Empty the caches of RTMDet's CachedMosaic and CachedMixUp: a resumed run has none of earlier passes either."""
    pipeline = getattr(dataset, "pipeline", [])
    for transform in getattr(pipeline, "transforms", pipeline):
        if hasattr(transform, "results_cache"):
            transform.results_cache.clear()
    if hasattr(dataset, "dataset"):
        forget_cached_images(dataset.dataset)


@DATASETS.register_module()
class SharedDrawsDataset(SharedDraws, ResampledDataset):
    """COCO with its own draws."""


@DATASETS.register_module()
class SharedDrawsRepeatDataset(SharedDraws, RepeatDataset):
    """Every repetition of an image within an epoch draws anew."""


@DATASETS.register_module()
class SharedDrawsClassBalancedDataset(SharedDraws, ClassBalancedDataset):
    """Every repetition of an image within an epoch draws anew."""


@DATASETS.register_module()
class SharedDrawsMultiImageMixDataset(SharedDraws, MultiImageMixDataset):
    """The other images of a mosaic or a mixup are drawn for the one that it is made for."""


class _Passes:
    """A sampler that is told its epoch: the index says which pass it is."""

    epoch: int
    dataset: Any

    def __iter__(self) -> Iterator[int]:
        indices: Iterator[int] = super().__iter__()  # type: ignore[misc]
        return (index + self.epoch * len(self.dataset) for index in indices)


@DATA_SAMPLERS.register_module()
class PassesDefaultSampler(_Passes, DefaultSampler):
    """MMEngine's, each image once a pass."""


@DATA_SAMPLERS.register_module()
class PassesClassAwareSampler(_Passes, ClassAwareSampler):
    """MMDetection's, each class equally often."""


@DATA_SAMPLERS.register_module()
class PassesInfiniteSampler(InfiniteSampler):
    """MMEngine's, which never ends."""

    def _infinite_indices(self) -> Iterator[int]:
        for number, index in enumerate(super()._infinite_indices()):
            yield index + number // self.size * self.size
