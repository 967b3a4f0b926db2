"""The contract with the evaluation room: what it really returns, in every form, becomes a report."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.evaluation import Settings, evaluate
from pipeline.report.markdown import page
from pipeline.report.model import build
from pipeline.report.words import interval, number, signed
from pipeline.results.read import EvaluationPaths, Evidence, read

from . import studies

CLASSES = ["red_tl", "arr_s", "never seen"]


def ground_truth() -> dict[str, Any]:
    """60 images with two classes of many boxes; the third class has none."""
    draw = np.random.default_rng(0)
    boxes = [[float(v) for v in (*draw.uniform(0, 200, 2), *draw.uniform(10, 60, 2))] for _ in range(240)]
    labels = [{"id": i + 1, "image_id": i // 4 + 1, "category_id": i % 2 + 1, "iscrowd": 0} for i in range(240)]
    return {
        "images": [{"id": i + 1, "file_name": f"{i}.jpg", "width": 256, "height": 160} for i in range(60)],
        "categories": [{"id": i + 1, "name": name} for i, name in enumerate(CLASSES)],
        "annotations": [
            {**label, "bbox": box, "area": box[2] * box[3]} for label, box in zip(labels, boxes, strict=True)
        ],
    }


def detections(truth: dict[str, Any], seed: int, noise: float) -> list[dict[str, Any]]:
    draw = np.random.default_rng(seed)
    return [
        {
            "image_id": box["image_id"],
            "category_id": box["category_id"],
            "bbox": [float(v) for v in np.array(box["bbox"]) + draw.normal(0, noise, 4)],
            "score": float(draw.uniform(0.1, 1)),
        }
        for box in truth["annotations"]
        if draw.uniform() < 0.8
    ]


def evaluated(folder: Path, seeds: int, lost: tuple[str, set[int]] = ("", set()), contracts: Any = None) -> Evidence:
    """A study whose numbers come from the evaluation room; what does not, is made up."""
    truth = ground_truth()
    runs = {
        name: {
            seed: detections(truth, 10 * k + seed, noise)
            for seed in range(seeds)
            if name != lost[0] or seed not in lost[1]
        }
        for k, (name, noise) in enumerate({"baseline": 4.0, "se": 4.0, "cbam": 1.5}.items())
    }
    found = evaluate(
        truth,
        runs,
        baseline="baseline",
        expected_seeds=list(range(seeds)),
        settings=Settings(resamples=100),
        contracts=contracts,
    )
    studies.write(folder, 2, seeds, images=60, class_names=CLASSES, pictures=0)
    files = EvaluationPaths(folder)
    found.comparison.write(files.comparison)
    found.curves.write(files.curves)
    found.errors.write(files.errors)
    found.examples.write(files.examples)
    for example in found.examples.examples:
        Image.new("RGB", (example.width, example.height), "grey").save(folder / example.picture)
    with files.metrics.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["variant", "seed", "metric", "value"])
        writer.writeheader()
        writer.writerows(found.metrics)
    return read(folder)


def text_of(evidence: Evidence) -> str:
    view = build(evidence)
    return page("ablation.md.j2", view, {figure.name: figure.plot.draw(figure.name) for figure in view.figures()})


def test_a_full_study(tmp_path: Path) -> None:
    evidence = evaluated(tmp_path / "evaluation", 3)
    text = text_of(evidence)
    row = evidence.outcomes["cbam"]
    assert row.verdict == "better"  # its boxes are much closer
    bounds = interval(row.ci_low, row.ci_high)
    assert f"**Better** (the whole interval is above zero): cbam {signed(row.delta)} {bounds}." in text
    assert (
        f"differences of {number(evidence.comparison.minimum_detectable)} AP or more would be shown in 8 of 10" in text
    )
    assert f"an observed one below {number(evidence.comparison.least_observed)} could not count" in text
    assert "*As many by luck*" in text
    assert "never seen (0)" in text
    assert "largest gain: F1 of" in text
    assert text.count("maxDets=100 ]") == 3 * 10


NONE: tuple[str, set[int]] = ("", set())
UNEQUAL = {"baseline": {"epochs": 8}, "se": {"epochs": 12}, "cbam": {"epochs": 8}}


@pytest.mark.parametrize(
    ("seeds", "lost", "contracts", "expected"),
    [
        (1, NONE, None, "the variance between seeds was not measured"),
        (1, ("se", {0}), None, "the variance between seeds was not measured"),
        (2, NONE, None, "no verdict is given"),
        (3, ("se", {1}), None, "are shown with their number of runs and are not compared"),
        (3, ("se", {0, 1, 2}), None, "are shown with their number of runs and are not compared"),
        (3, ("baseline", {1}), None, "without a complete baseline nothing is compared"),
        (3, ("baseline", {0, 1, 2}), None, "without a complete baseline nothing is compared"),
        (3, NONE, UNEQUAL, "se: epochs is 12, the baseline has 8"),
    ],
)
def test_every_refusal_is_told(
    tmp_path: Path, seeds: int, lost: tuple[str, set[int]], contracts: Any, expected: str
) -> None:
    text = text_of(evaluated(tmp_path / "evaluation", seeds, lost, contracts))
    verdict = text.partition("## 2.")[0]
    assert expected in verdict
    assert "> [!" in verdict
    if lost[0] == "se" and seeds == 3:
        assert ("| no finished run |" if len(lost[1]) == seeds else "| not claimed |") in text
        assert "**Better**" in verdict  # cbam is compared all the same
    else:
        assert "better" not in verdict
