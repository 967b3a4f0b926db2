"""With one seed all variants see the same pictures, flips and order, whatever the workers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from pipeline.detector.config import resolve

from . import tiny

Seen = list[list[tuple[Any, ...]]]  # epoch -> pictures in their order: id, flipped, sum of pixels, boxes
VARIANTS = {
    "cbam": {"attention": "cbam", "stages": [2]},
    "gam": {"attention": "gam", "place": "after_conv2", "stages": [4]},
    "bam": {"attention": "bam", "place": "neck"},
}


class Watch(Hook):
    """Writes down each batch just before the model sees it, and the random state that it will draw from."""

    def __init__(self) -> None:
        self.epochs: Seen = []
        self.draws: list[bytes] = []
        self.start: dict[str, Any] = {}

    def before_train(self, runner: Runner) -> None:
        self.start = {key: value.clone() for key, value in runner.model.state_dict().items()}

    def before_train_epoch(self, runner: Runner) -> None:
        self.epochs.append([])

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        self.draws.append(torch.get_rng_state().numpy().tobytes())
        for image, sample in zip(data_batch["inputs"], data_batch["data_samples"], strict=True):
            boxes = sample.gt_instances.bboxes.tensor.tolist()
            self.epochs[-1].append((sample.img_id, sample.flip, int(image.sum()), boxes))


def watch(folder: Path, variant: str, seed: int = 0, epochs: int = 1, workers: int = 0, **settings: Any) -> Watch:
    """A real training run of MMEngine, watched."""
    config = resolve(tiny.study(VARIANTS, train={"epochs": epochs, "workers": workers}, **settings), variant)
    config.work_dir, config.randomness = str(folder), dict(seed=seed)
    config.experiment_name = folder.name
    runner, seen = Runner.from_cfg(config), Watch()
    runner.register_hook(seen, priority="LOWEST")
    runner.train()
    return seen


@pytest.fixture(scope="module")
def baseline(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Watch:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        return watch(tmp_path_factory.mktemp("baseline"), "baseline", epochs=3)


@pytest.mark.parametrize("variant", VARIANTS)
def test_variants_share_pictures_flips_order_and_start(variant: str, baseline: Watch, tmp_path: Path) -> None:
    seen = watch(tmp_path, variant)
    assert seen.epochs == baseline.epochs[:1]
    assert seen.draws == baseline.draws[:2]  # proposals are sampled alike
    rest = tiny.shared(seen.start)
    assert rest.keys() == baseline.start.keys()
    assert len(seen.start) > len(rest)
    assert all((rest[key] == value).all() for key, value in baseline.start.items())


def test_workers_change_nothing(baseline: Watch, tmp_path: Path) -> None:
    assert watch(tmp_path, "baseline", epochs=2, workers=2).epochs == baseline.epochs[:2]


def test_seeds_differ(baseline: Watch, tmp_path: Path) -> None:
    seen = watch(tmp_path, "baseline", seed=1)
    assert seen.epochs != baseline.epochs[:1]
    assert not set(seen.draws) & set(baseline.draws)
    key = "backbone.conv1.weight"
    assert not (seen.start[key] == baseline.start[key]).all()


def test_each_epoch_has_an_order_and_flips_of_its_own(baseline: Watch) -> None:
    one, two, three = baseline.epochs
    assert len(set(baseline.draws)) == len(baseline.draws) == 6
    assert sorted(picture[0] for picture in one) == sorted(picture[0] for picture in two) == [1, 2, 3, 4]
    assert len({tuple(picture[0] for picture in epoch) for epoch in baseline.epochs}) > 1
    flips = [{picture[0]: picture[1] for picture in epoch} for epoch in (one, two, three)]
    assert flips[0] != flips[1] or flips[1] != flips[2]
    assert {flip for epoch in flips for flip in epoch.values()} == {False, True}


def test_flipped_pictures_are_flipped(baseline: Watch) -> None:
    """The sum of the pixels does not change; the boxes are mirrored: x becomes width - x."""
    width, found = tiny.SIZE[0], 0
    pictures = [picture for epoch in baseline.epochs for picture in epoch]
    for number, flipped, total, boxes in pictures:
        for other in pictures:
            if flipped and not other[1] and other[0] == number:
                assert other[2] == total
                assert boxes == [pytest.approx([width - x2, y1, width - x1, y2]) for x1, y1, x2, y2 in other[3]]
                found += 1
    assert found
