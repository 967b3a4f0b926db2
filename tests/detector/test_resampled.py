"""Training images drawn anew for each seed: by groups, the same for all variants, seed by seed."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mmdet.registry import DATASETS

from pipeline import dataset
from pipeline.common.errors import UserError
from pipeline.detector.config import resolve
from pipeline.detector.resampled import ResampledDataset, draw, give_seed
from pipeline.detector.train import cell_config
from pipeline.records import Plan
from pipeline.study.datasets import Roadmarks

from . import tiny


def images(groups: list[str]) -> list[dict[str, Any]]:
    return [{"img_id": i, "group": group} for i, group in enumerate(groups)]


def test_groups_are_drawn_whole_and_as_often_as_chance_has_it() -> None:
    """Each of n groups is there once on average, and missing from (1 - 1/n)^n of all training sets."""
    sizes = {f"video {i}": 1 + i % 3 for i in range(12)}
    given = images([name for name, size in sizes.items() for _ in range(size)])
    drawn = [Counter(image["group"] for image in draw(given, seed)) for seed in range(400)]
    for name, size in sizes.items():
        times = np.array([found[name] for found in drawn]) / size
        assert set(times) <= set(range(13))
        assert times.mean() == pytest.approx(1, abs=4 / np.sqrt(400))
        assert (times == 0).mean() == pytest.approx((1 - 1 / 12) ** 12, abs=4 * np.sqrt(0.24 / 400))
    assert draw(given, 5) == draw(given, 5)


def test_too_few_groups_are_refused() -> None:
    with pytest.raises(UserError, match=r"form 7 groups .* at least 8"):
        draw(images([str(i % 7) for i in range(70)]), 0)


def test_a_seed_has_its_images_and_all_variants_share_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    dataset.prepare(Roadmarks(source="roadmarks", train=12, val=2, size=tiny.SIZE), Path("data/coco"))
    study = tiny.study({"se": {"attention": "se"}}, train={"resample": "seeds"})
    baseline, se = tiny.plan(study, "baseline"), tiny.plan(study, "se")

    def ids(plan: Plan, seed: int) -> list[int]:
        config = cell_config(plan, seed, "f" * 64, tiny.scratch(plan, seed), None)
        built = DATASETS.build(config.train_dataloader.dataset)
        return [built.get_data_info(i)["img_id"] for i in range(len(built))]

    first = ids(baseline, 0)
    assert len(first) == 12 > len(set(first))
    assert ids(se, 0) == first != ids(baseline, 1)
    assert any("draws its training images anew" in note for note in se.notes)
    assert "resample" not in resolve(tiny.study(), "baseline").train_dataloader.dataset
    with pytest.raises(UserError, match="knows no seed"):
        DATASETS.build(se.mmengine_config()["train_dataloader"]["dataset"])


def test_the_groups_are_those_of_the_prepared_files(tmp_path: Path) -> None:
    box = {"bbox": [0, 0, 9, 9], "area": 81, "iscrowd": 0, "category_id": 1}
    records = [
        {"id": i, "file_name": f"{i}.png", "height": 64, "width": 64, "group": f"scene {i // 2}"} for i in range(20)
    ]
    content = {
        "images": records,
        "annotations": [{**box, "id": i + 1, "image_id": i} for i in range(18)],  # the last group has no boxes
        "categories": [{"id": 1, "name": "a"}],
    }
    (tmp_path / "train.json").write_text(json.dumps(content))
    built = ResampledDataset(
        ann_file=str(tmp_path / "train.json"), metainfo={"classes": ("a",)}, data_prefix={"img": "."}, pipeline=[],
        filter_cfg={"filter_empty_gt": True, "min_size": 1}, resample=3,
    )  # fmt: skip
    ids = [built.get_data_info(i)["img_id"] for i in range(len(built))]
    assert len(ids) == 18 > len(set(ids))
    assert max(ids) < 18
    assert [i + 1 for i in ids[::2]] == ids[1::2]
    assert all(i % 2 == 0 for i in ids[::2])


def test_images_within_wrappers_get_the_seed() -> None:
    wrapped = {"type": "RepeatDataset", "dataset": {"type": "ResampledDataset", "resample": "seeds"}}
    give_seed(wrapped, 7)
    assert wrapped["dataset"]["resample"] == 7
