"""Mosaic, mixup, repeats and loops without epochs: every draw follows from seed, pass and image alone."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.runner import Runner

from pipeline.detector.config import resolve
from pipeline.detector.shared_draws import PassesDefaultSampler, PassesInfiniteSampler

from .test_own_recipe import RTMDET, YOLOX, own

Seen = list[tuple[int, int, Any]]  # image id, sum of pixels, boxes


def seen(study: Any, seed: int = 0, epoch: int = 0, stream: int = 0, variant: str = "baseline", **loader: Any) -> Seen:
    """The images of one epoch by id, whatever state the global generators are in (`stream`)."""
    config = {**resolve(study, variant).train_dataloader, **loader}
    built = Runner.build_dataloader(config, seed=0)
    built.dataset.draw_seed = seed
    (getattr(built.batch_sampler, "sampler", None) or built.sampler).set_epoch(epoch)
    for generator in (random.seed, np.random.seed, torch.manual_seed):
        generator(stream)
    found = []
    for batch in built:
        for image, sample in zip(batch["inputs"], batch["data_samples"], strict=True):
            found.append((sample.img_id, int(image.sum()), sample.gt_instances.bboxes.tensor.tolist()))
    return sorted(found)


@pytest.fixture(scope="module")
def yolox() -> Any:
    return own(YOLOX, {"se": {"attention": "se", "place": "neck"}}, image_size=[96, 96], batch_size=2, epochs=3)


def test_a_mosaic_follows_from_its_image(yolox: Any) -> None:
    first = seen(yolox, stream=1)
    assert len({pixels for _, pixels, _ in first}) == 4
    assert seen(yolox, stream=2, variant="se") == first
    assert seen(yolox, stream=3, num_workers=2) == first
    assert seen(yolox, epoch=1) != first
    assert seen(yolox, seed=1) != first


def test_a_mosaic_holds_other_images(yolox: Any) -> None:
    """Without mosaic and mixup an image has its own boxes alone; with them there are more."""
    alone = {"skip_type_keys": ("Mosaic", "RandomAffine", "MixUp")}
    dataset = resolve(yolox, "baseline").train_dataloader.dataset
    few = seen(yolox, dataset={**dataset, **alone})
    assert sum(len(boxes) for *_, boxes in seen(yolox)) > sum(len(boxes) for *_, boxes in few)


def test_repeats_of_an_image_draw_anew() -> None:
    dataset = dict(own_dataset(), filter_cfg=dict(filter_empty_gt=True))
    repeated = dict(type="SharedDrawsRepeatDataset", times=3, dataset={**dataset, "type": "CocoDataset"})
    found = seen(own(RTMDET, image_size=[96, 96], batch_size=1), dataset=repeated)
    assert len(found) == 12
    assert len({(number, pixels) for number, pixels, _ in found}) > 8
    assert found == seen(own(RTMDET, image_size=[96, 96], batch_size=1), stream=9, dataset=repeated)


def own_dataset() -> dict[str, Any]:
    """RTMDet's data set with what changes pixels for each image by itself."""
    dataset = dict(resolve(own(RTMDET, image_size=[96, 96]), "baseline").train_dataloader.dataset)
    dataset["pipeline"] = [part for part in dataset["pipeline"] if not part.type.startswith("Cached")]
    return dataset


def test_cached_images_are_forgotten_with_each_epoch() -> None:
    loader = Runner.build_dataloader(
        resolve(own(RTMDET, image_size=[96, 96], batch_size=2), "baseline").train_dataloader
    )
    caches = [part.results_cache for part in loader.dataset.pipeline.transforms if hasattr(part, "results_cache")]
    list(loader)
    assert [len(cache) for cache in caches] == [4, 4]
    loader.dataset[len(loader.dataset)]  # the first image, in the second pass
    assert [len(cache) for cache in caches] == [1, 1]


def test_samplers_without_epochs_count_their_passes() -> None:
    endless = PassesInfiniteSampler(range(3), seed=4)
    first = [index for index, _ in zip(endless, range(9), strict=False)]
    assert [index // 3 for index in first] == [0] * 3 + [1] * 3 + [2] * 3
    assert all(sorted(index % 3 for index in first[i : i + 3]) == [0, 1, 2] for i in (0, 3, 6))
    later = PassesInfiniteSampler(range(3), seed=4)
    later.skip(4)
    assert [index for index, _ in zip(later, range(5), strict=False)] == first[4:]
    default = PassesDefaultSampler(range(3), seed=4)
    default.set_epoch(2)
    assert sorted(default) == [6, 7, 8]
