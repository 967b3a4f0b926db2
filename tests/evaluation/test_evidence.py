"""What the evaluate stage writes: rows, curves, error types, examples, boxes, noise floor."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from pipeline.evaluation import Settings, coco_metrics, evaluate
from pipeline.evaluation.boxes import read_detections, read_ground_truth
from pipeline.evaluation.errors import tide
from pipeline.evaluation.examples import Choice, choose, examples, image_f1
from pipeline.evaluation.matches import match

from .data import dataset, detections

GT = dataset(2, images=25, boxes=150)
RUNS = {
    name: {seed: detections(GT, 10 * i + seed, 300) for seed in (3, 5, 9)} for i, name in enumerate(["baseline", "se"])
}
SCENE: dict[str, Any] = {
    "images": [{"id": 1, "width": 200, "height": 200}, {"id": 2, "width": 200, "height": 200}],
    "categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 50, 50], "area": 2500, "iscrowd": 0},
        {"id": 2, "image_id": 1, "category_id": 1, "bbox": [100, 100, 50, 50], "area": 2500, "iscrowd": 0},
        {"id": 3, "image_id": 1, "category_id": 2, "bbox": [100, 0, 50, 50], "area": 2500, "iscrowd": 1},
    ],
}


def detection(image, category, bbox, score=0.9):
    return {"image_id": image, "category_id": category, "bbox": bbox, "score": score}


@pytest.fixture(scope="module")
def result():
    told = []
    found = evaluate(
        GT,
        RUNS,
        baseline="baseline",
        expected_seeds=[3, 5, 9],
        settings=Settings(resamples=100),
        repeats={"again": {3: RUNS["baseline"][5]}},
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(i, 6) for i in range(1, 7)]
    return found


def test_rows_hold_every_metric_of_every_run(result):
    rows = {(r["variant"], r["seed"], r["metric"]): r["value"] for r in result.metrics}
    assert len(rows) == 6 * (12 + 2 + 4) + 12  # the A/A run has COCO's twelve
    for name, value in coco_metrics(GT, RUNS["se"][5]).items():
        assert rows["se", 5, name] == value
    assert rows["se", 5, "AP/class 3"] is None
    assert rows["se", 5, "AR_1000"] == rows["se", 5, "AR_300"]


def test_everything_is_json(result):
    json.dumps(result.metrics, allow_nan=False)
    for part in (result.comparison, result.curves, result.errors, result.examples, result.boxes):
        json.dumps(part.to_dict(), allow_nan=False)


def test_curves_are_means_over_seeds(result):
    assert len(result.curves.recall) == 101
    ap50 = np.mean([coco_metrics(GT, found)["AP50"] for found in RUNS["se"].values()])
    assert np.mean(result.curves.variants["se"]["0.50"]) == pytest.approx(ap50, abs=1e-12)


def test_box_counts_add_up(result):
    counted = [a for a in GT["annotations"] if not a["iscrowd"]]
    assert result.boxes.images == 25
    assert result.boxes.total.all == len(counted)
    assert result.boxes.total.small == sum(a["area"] <= 1024 for a in counted)
    assert sum(row.all for row in result.boxes.classes.values()) == len(counted)


def test_error_types_of_known_mistakes():
    gt = read_ground_truth(SCENE)
    found = [
        detection(1, 2, [0, 0, 50, 50]),  # the wrong class
        detection(1, 1, [100, 100, 50, 50]),  # right
        detection(1, 1, [100, 100, 50, 50], 0.5),  # again
        detection(2, 1, [0, 0, 30, 30], 0.4),  # nothing there
    ]
    counts = tide(gt, read_detections(found, gt)).counts
    assert counts == {"Cls": 1, "Loc": 0, "Both": 0, "Dupe": 1, "Bkg": 1, "Miss": 0}


def test_error_differences_are_of_seed_means(result):
    gt = read_ground_truth(GT)
    loc = {v: [tide(gt, read_detections(d, gt)).delta_ap["Loc"] for d in s.values()] for v, s in RUNS.items()}
    assert result.errors.difference["se"]["Loc"] == pytest.approx(np.mean(loc["se"]) - np.mean(loc["baseline"]))


def test_per_image_f1_by_hand():
    gt = read_ground_truth(SCENE)
    found = [
        detection(1, 1, [0, 0, 50, 50]),  # right: 2 * 1 / (2 shown + 2 boxes)
        detection(1, 1, [150, 150, 40, 40], 0.4),  # wrong
        detection(1, 2, [100, 0, 50, 50]),  # on a crowd: ignored
        detection(1, 1, [100, 100, 50, 50], 0.29),  # right, but below the score that is shown
    ]
    table = match(gt, read_detections(found, gt))
    assert image_f1(table, gt).tolist() == [0.5, 1.0]  # the second image: nothing there, nothing found


def test_examples_are_judged_as_they_are_scored_crowds_included():
    gt = read_ground_truth(
        {**SCENE, "images": [{**image, "file_name": f"{image['id']}.png"} for image in SCENE["images"]]}
    )
    found = [
        detection(1, 1, [0, 0, 50, 50]),
        detection(1, 1, [0, 0, 50, 48], 0.8),  # the box is taken
        detection(1, 2, [100, 0, 50, 50], 0.7),  # on a crowd
        detection(1, 1, [100, 100, 50, 50], 0.29),  # too low to be shown: its box is missed
    ]
    (example,) = examples(gt, {"se": read_detections(found, gt)}, [Choice(0, "random")])
    assert [box.outcome for box in example.ground_truth] == ["truth", "truth", "crowd"]
    assert [(box.outcome, box.score) for box in example.detections["se"]] == [
        ("found", 0.9), ("false", 0.8), ("ignored", 0.7), ("missed", None),
    ]  # fmt: skip
    assert example.detections["se"][-1].bbox == (100, 100, 50, 50)


def test_examples_are_chosen_by_rule():
    f1 = {
        "baseline": np.array([0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]),
        "a": np.array([0.5, 0.9, 0.5, 0.5, 0.4, 0.5, 0.5, 0.5]),
        "b": np.array([0.5, 0.6, 0.1, 0.5, 0.5, 0.5, 0.5, 0.5]),
    }
    chosen = choose(f1, "baseline", seed=0)
    assert [(r.image, r.reason, r.variant) for r in chosen[:2]] == [
        (1, "largest gain", "a"),
        (2, "largest loss", "b"),
    ]
    assert chosen[0].change == pytest.approx(0.4)
    assert [r.reason for r in chosen[2:]] == ["random"] * 4
    assert len({r.image for r in chosen}) == 6
    assert choose(f1, "baseline", seed=0) == chosen
    assert [r.reason for r in choose({**f1, "a": f1["baseline"], "b": f1["baseline"]}, "baseline", 0)] == (
        ["random"] * 4
    )


def test_examples_show_the_first_seed_above_the_score(result):
    example = result.examples.examples[0]
    assert example.reason == "largest gain"
    expected = sorted(
        (
            (d["score"], tuple(d["bbox"]))
            for d in RUNS["se"][3]
            if d["image_id"] == example.image_id and d["score"] >= example.score_threshold
        ),
        reverse=True,
    )
    assert [(d.score, d.bbox) for d in example.detections["se"] if d.score is not None] == expected
    assert example.file_name == f"{example.image_id}.png"
    assert len(example.ground_truth) == sum(a["image_id"] == example.image_id for a in GT["annotations"])


def test_the_noise_floor_is_of_equal_seeds(result):
    ap = [coco_metrics(GT, RUNS["baseline"][seed])["AP"] for seed in (3, 5)]
    floor = result.comparison.noise_floor
    assert floor.differences == {"again-3": pytest.approx(ap[1] - ap[0])}
    assert floor.sd == pytest.approx(abs(ap[1] - ap[0]) / np.sqrt(2))
    assert "the machine alone does that" in floor.text
