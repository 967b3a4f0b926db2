"""Made-up evaluations for tests of layout: seeded numbers in the shape of data/evaluation, no evidence of anything.

The intervals come from a rule of thumb here, not from `pipeline.evaluation`; `test_contract` uses that.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from .made_up import comparison_of, metrics_of

NAMES = ["se", "cbam", "bam", "eca", "shuffle", "polarized_p", "polarized_s", "sge", "coordinate", "gam"]
CLASSES = ["red_tl", "arr_s", "arr_l", "no_driving_mark_allsort", "no_parking_mark"]
COUNTS = [1465, 1133, 638, 622, 12]
ERRORS = ["Cls", "Loc", "Both", "Dupe", "Bkg", "Miss", "FP", "FN"]
VERSIONS = {"python": "3.11.9", "torch": "2.13.0", "onedl-mmdetection": "3.5.1"}

SMALL: dict[str, Any] = {"variants": 2, "classes": 2, "images": 50, "pictures": 1}


def write(
    folder: Path,
    variants: int = 10,
    seeds: int = 3,
    classes: int = 5,
    images: int = 500,
    *,
    config_differs: bool = False,
    names: list[str] | None = None,
    class_names: list[str] | None = None,
    demo: bool = True,
    broken: bool = False,
    pictures: int = 6,
) -> Path:
    """Write an evaluation folder of `variants` besides the baseline. `broken`: a failed, a missing, a resumed cell."""
    draw = np.random.default_rng(0)
    folder.mkdir(parents=True)
    names = names or [NAMES[i] if i < len(NAMES) else f"variant_{i}" for i in range(variants)]
    class_names = class_names or [CLASSES[i] if i < len(CLASSES) else f"class {i}" for i in range(classes)]
    counts = {name: COUNTS[i] if i < len(COUNTS) else int(draw.integers(5, 900)) for i, name in enumerate(class_names)}
    everyone = ["baseline", *names]
    cells = [(variant, seed) for variant in everyone for seed in range(seeds)]
    lost = {("gam", 0): "failed", (names[0], seeds - 1): "missing"} if broken else {}
    done = [cell for cell in cells if cell not in lost]
    effects = dict(zip(everyone, [0.0, *draw.normal(0.0, 0.015, len(names))], strict=True))
    ap = {cell: float(0.34 + effects[cell[0]] + draw.normal(0, 0.004)) for cell in done}
    metrics = metrics_of(draw, done, ap, class_names)
    metrics.to_csv(folder / "metrics.csv", index=False)
    _json(folder / "comparison.json", comparison_of(everyone, done, ap, metrics, seeds, images, counts, config_differs))
    _json(folder / "cells.json", _cells(draw, cells, lost, broken))
    _history(draw, done).to_csv(folder / "history.csv", index=False)
    _json(folder / "cost.json", _cost(draw, everyone))
    _json(folder / "curves.json", _curves(draw, everyone))
    _json(folder / "errors.json", _errors(draw, everyone, done))
    _json(folder / "card.json", _card(draw, class_names, counts, images))
    _json(folder / "study.json", _study(everyone, class_names, seeds, demo))
    _json(folder / "examples.json", _examples(draw, folder, everyone, class_names, pictures))
    return folder


def _json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")


def _cells(draw: Any, cells: list[Any], lost: dict[Any, str], resumed: bool) -> list[dict[str, Any]]:
    rows = []
    for number, (variant, seed) in enumerate(cells):
        state = lost.get((variant, seed), "done")
        run = {
            "schema": 1,
            "fingerprint": f"{number:064x}"[::-1],
            "variant": variant,
            "seed": seed,
            "state": "done",
            "epochs": 8,
            "steps": 120,
            "seconds": float(draw.uniform(50, 60)),
            "device": "cpu",
            "hardware": "Made-up CPU @ 2.0 GHz",
            "threads": 1,
            "world_size": 1,
            "versions": VERSIONS,
            "resumed_from": 3 if resumed and number == 4 else None,
            "weights": None,
            "parameters": 2_600_000,
            "attention_parameters": 0,
        }
        reason = {"failed": "out of memory at epoch 2", "missing": None}.get(state)
        rows.append(
            {
                "variant": variant,
                "seed": seed,
                "state": state,
                "reason": reason,
                "run": run if state == "done" else None,
            }
        )
    return rows


def _history(draw: Any, done: list[Any]) -> pd.DataFrame:
    rows = []
    for variant, seed in done:
        drop = draw.uniform(0.02, 0.03)
        for step in range(5, 125, 5):
            loss = 0.5 + 1.5 * np.exp(-drop * step) + draw.normal(0, 0.03)
            rows.append((variant, seed, step // 15, step, 1.7e9 + step, "loss", loss))
            if step % 30 == 0:
                rows.append((variant, seed, step // 15, step, 1.7e9 + step, "val/AP", 0.34 * step / 120))
    return pd.DataFrame(rows, columns=["variant", "seed", "epoch", "step", "time", "metric", "value"])


def _cost(draw: Any, everyone: list[str]) -> dict[str, Any]:
    rows = {}
    for index, name in enumerate(everyone):
        median = 12 + 0.8 * index + float(draw.uniform(0, 2))
        added = 0 if index == 0 else int(draw.integers(100, 400_000))
        rows[name] = {
            "parameters": 2_600_000 + added,
            "attention_parameters": added,
            "gflops": 1.9 + 0.02 * index,
            "uncounted": {"sigmoid": 16} if index else {},
            "latency_ms": {"median": median, "q1": median - 0.3, "q3": median + 0.6},
        }
    return {
        "schema": 1,
        "hardware": "Made-up CPU @ 2.0 GHz",
        "threads": 1,
        "image_size": [256, 160],
        "rounds": 30,
        "variants": rows,
    }


def _curves(draw: Any, everyone: list[str]) -> dict[str, Any]:
    recalls = np.linspace(0, 1, 101)
    curve = {
        name: {key: np.clip(1 - (recalls / top) ** 4, 0, 1).round(4).tolist() for key, top in _tops(draw).items()}
        for name in everyone
    }
    return {"recall": recalls.tolist(), "variants": curve}


def _tops(draw: Any) -> dict[str, float]:
    shift = draw.normal(0, 0.02)
    return {"0.50": 0.7 + shift, "0.75": 0.5 + shift, "mean": 0.55 + shift}


def _errors(draw: Any, everyone: list[str], done: list[Any]) -> dict[str, Any]:
    runs: dict[str, Any] = {}
    for variant, seed in done:
        runs.setdefault(variant, {})[str(seed)] = {kind: float(draw.uniform(0.01, 0.1)) for kind in ERRORS}
    means = {name: {kind: float(np.mean([r[kind] for r in runs[name].values()])) for kind in ERRORS} for name in runs}
    differences = {
        name: {kind: mean - means["baseline"][kind] for kind, mean in kinds.items()}
        for name, kinds in means.items()
        if name != "baseline"
    }
    return {"types": ERRORS, "baseline": "baseline", "runs": runs, "mean": means, "difference": differences}


def _card(draw: Any, classes: list[str], counts: dict[str, int], images: int) -> dict[str, Any]:
    def split(n: int, factor: float) -> dict[str, Any]:
        return {
            "images": n,
            "boxes": int(sum(counts.values()) * factor),
            "crowd": 0,
            "images_without_boxes": 3,
            "classes": {name: int(count * factor) for name, count in counts.items()},
            "sizes": {"small": 700, "medium": 1900, "large": 12},
            "boxes_per_image": {"min": 0, "median": 4.0, "mean": 4.3, "max": 11, "histogram": [3, 0, 0, 0, 80]},
        }

    files = [{"split": "train", "file_name": "a b.jpg"}, {"split": "val", "file_name": "c|d.jpg"}]
    return {
        "schema": 1,
        "name": "roadmarks",
        "source": "drawn by a test",
        "origin": "tests/report/studies.py",
        "licence": "Apache-2.0",
        "digest": "ab" * 32,
        "classes": classes,
        "report_split": "val",
        "splits": {"train": split(4 * images, 4.0), "val": split(images, 1.0)},
        "duplicates": {"count": 0, "groups": []},
        "leaks": {"count": 1, "groups": [files]},
        "repairs": {"empty": {"count": 2, "meaning": "box without area dropped"}},
        "details": [{"rule": "empty", "split": "train", "id": 7, "detail": "[10, 10, 0, 5]"}],
    }


def _study(everyone: list[str], classes: list[str], seeds: int, demo: bool) -> dict[str, Any]:
    insertion = {
        "name": "cbam",
        "form": "paper",
        "init": "official",
        "place": "before_add",
        "stages": [2, 3, 4],
        "levels": None,
        "options": {"reduction": 16},
        "formula": "x1 = x * sig(MLP(avg x) + MLP(max x)); y = x1 * sig(BN(conv7x7([max x1 ; mean x1])))",
        "paper": "CBAM: Convolutional Block Attention Module (ECCV 2018)",
        "link": "https://arxiv.org/abs/1807.06521",
        "differs": "The article adds a residual and uses a 49x49 kernel.",
    }
    described = {
        name: {
            "title": "Faster R-CNN as it is" if name == "baseline" else f"{name} before the residual add",
            "attention": [] if name == "baseline" else [insertion],
            "overrides": {},
            "config_differences": {} if name == "baseline" else {"model.backbone.plugins": [None, [{"type": name}]]},
            "weights": None,
        }
        for name in everyone
    }
    article = [("AP", "0.50:0.95", "all", "100"), ("AP", "0.50", "all", "1000"), ("AR", "0.50:0.95", "small", "1000")]
    rows = [
        {"variant": name, "metric": metric, "iou": iou, "area": area, "max_dets": dets, "value": 0.34 + 0.001 * i}
        for i, name in enumerate(everyone[:9])
        for metric, iou, area, dets in article
    ]
    return {
        "schema": 1,
        "study": "demo" if demo else "traffic",
        "params": {"study": "demo", "seeds": list(range(seeds)), "train": {"epochs": 8, "batch_size": 8, "lr": 0.001}},
        "params_sha256": "cd" * 32,
        "classes": classes,
        "split": "val",
        "variants": described,
        "shared": {
            "detector": "faster_rcnn/faster-rcnn_r50_fpn_1x_coco (thin)",
            "epochs": 8,
            "batch_size": 8,
            "image_size": [256, 160],
            "optimizer": "adamw",
            "lr": 0.001,
            "precision": "fp32",
            "device": "cpu",
            "threads": 1,
            "frozen_stages": -1,
            "norm_eval": False,
        },
        "git": {"revision": "0123456789abcdef0123456789abcdef01234567", "dirty": True},
        "dvc_lock_sha256": None,
        "versions": VERSIONS,
        "command": "dvc repro",
        "demo": demo,
        "article": {
            "applies": True,
            "rows": rows,
            "sentence": "One run of each variant: nothing may be concluded about the modules.",
        },
        "wall_clock_seconds": 1930.5,
        "device_hours": 0.52,
    }


def _examples(draw: Any, folder: Path, everyone: list[str], classes: list[str], n: int) -> list[dict[str, Any]]:
    (folder / "examples").mkdir()
    found = []
    for number in range(n):
        y, x = np.mgrid[0:160, 0:256]
        picture = np.stack([(x + 40 * number) % 256, 255 - y, (x + y) // 2], axis=2) + draw.integers(
            0, 30, (160, 256, 3)
        )
        Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(folder / f"examples/{number}.jpg", quality=85)
        truth = [
            {"bbox": [float(v) for v in (20 + 50 * i, 30 + 20 * i, 40, 35)], "category": classes[i % len(classes)]}
            for i in range(4)
        ]
        seen = {}
        for name in everyone:
            shifted = [
                {
                    **box,
                    "bbox": [v + float(draw.normal(0, 5)) for v in box["bbox"]],
                    "score": float(draw.uniform(0.3, 1)),
                }
                for box in truth
                if draw.uniform() > 0.2
            ]
            seen[name] = shifted
        found.append(
            {
                "image_id": number + 1,
                "file_name": f"val/some image {number}.jpg",
                "picture": f"examples/{number}.jpg",
                "width": 256,
                "height": 160,
                "reason": ["largest gain", "largest loss", "random"][min(number, 2)],
                "variant": everyone[-1] if number < 2 else None,
                "change": 0.4 if number == 0 else -0.33 if number == 1 else None,
                "ground_truth": truth,
                "detections": seen,
            }
        )
    return found
