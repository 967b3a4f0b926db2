"""A trained model's detections of a split, as COCO writes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from mmdet.registry import DATA_SAMPLERS
from mmengine.dist import collect_results
from mmengine.hooks import EMAHook
from mmengine.runner import Runner
from torch.utils.data import BatchSampler


@DATA_SAMPLERS.register_module()
class EqualSizesBatchSampler(BatchSampler):
    """Up to `batch_size` neighbours whose images have one size: they need no padding, which would change detections.

    The order stays, so that a size that alternates with another makes batches of one.
    """

    def __iter__(self) -> Iterator[list[int]]:
        dataset: Any = self.sampler.dataset  # type: ignore[union-attr]
        batch: list[int] = []
        last = None
        for index in self.sampler:
            info = dataset.get_data_info(index)
            size = info["width"], info["height"]
            if batch and (size != last or len(batch) == self.batch_size):
                yield batch
                batch = []
            batch.append(index)
            last = size
        if batch:
            yield batch

    def __len__(self) -> int:
        return sum(1 for _ in self)


def use_averaged_weights(runner: Runner) -> bool:
    """Give the model the moving average of its weights where a hook keeps one; whether it does.

    MMEngine swaps them in for its own test loop, which `predict` is not.
    """
    averages = [hook for hook in runner.hooks if isinstance(hook, EMAHook)]
    for hook in averages:
        hook.before_test_epoch(runner)
    return bool(averages)


@torch.no_grad()
def predict(runner: Runner) -> list[dict[str, Any]] | None:
    """Detections of the config's test split in the order of its images; None on all ranks but the first.

    Each is {image_id, category_id, bbox [x, y, width, height] in pixels of the original image, score}.
    Numbers are float32's shortest decimals, so that they read back as the very floats the model gave.
    """
    model = runner.model
    model.eval()
    loader = runner.build_dataloader(runner.cfg.test_dataloader, seed=runner.seed)
    categories = loader.dataset.cat_ids
    images = []
    for batch in loader:
        for sample in model.test_step(batch):
            instances = sample.pred_instances
            arrays = (getattr(instances, part).cpu().numpy() for part in ("bboxes", "scores", "labels"))
            images.append((sample.img_id, *arrays))
    gathered = collect_results(images, len(loader.dataset), device="cpu")
    if gathered is None:
        return None
    return [found for image in gathered for found in _coco(image, categories)]


def _coco(image: tuple[int, Any, Any, Any], categories: list[int]) -> list[dict[str, Any]]:
    image_id, boxes, scores, labels = image
    corner, far = boxes[:, :2], boxes[:, 2:]
    boxes = np.concatenate([corner, far - corner], axis=1)
    return [
        {
            "image_id": image_id,
            "category_id": categories[label],
            "bbox": [_shortest(v) for v in box],
            "score": _shortest(score),
        }
        for box, score, label in zip(boxes, scores, labels, strict=True)
    ]


def _shortest(value: np.float32) -> float:
    return float(str(value))
