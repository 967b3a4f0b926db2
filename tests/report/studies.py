"""Made-up evaluations for tests of layout: seeded numbers in the files of data/evaluation, no evidence of anything.

The intervals come from a rule of thumb here, not from `pipeline.evaluation`; `test_contract` uses that.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from pipeline.evaluation.noise import noise_floor
from pipeline.records import Card, Cost
from pipeline.records.card import EqualFiles, FileInSplit, Repair
from pipeline.records.results import (
    BoxCounts,
    BoxTable,
    CellResult,
    CellResults,
    Curves,
    ErrorTypes,
    Example,
    Examples,
    RunErrors,
    ShownBox,
)
from pipeline.records.study import Article, ArticleRow, Git, ModuleFacts, StudyFacts, VariantFacts
from pipeline.results.read import EvaluationPaths
from tests import samples

from .made_up import Run, comparison_of, metrics_of

NAMES = ["se", "cbam", "bam", "eca", "shuffle", "polarized_p", "polarized_s", "sge", "coordinate", "gam"]
CLASSES = ["red_tl", "arr_s", "arr_l", "no_driving_mark_allsort", "no_parking_mark"]
COUNTS = [1465, 1133, 638, 622, 12]
ERRORS = ["Cls", "Loc", "Both", "Dupe", "Bkg", "Miss", "FP", "FN"]

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
    repeated: bool = False,
    undertrained: bool = False,
    pictures: int = 6,
) -> Path:
    """Write an evaluation folder of `variants` besides the baseline. `broken`: a failed, a missing, a resumed cell;
    `repeated`: an A/A variant `again`; `undertrained`: losses and AP that still move when the training ends.
    """
    draw = np.random.default_rng(0)
    folder.mkdir(parents=True)
    files = EvaluationPaths(folder)
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
    comparison = comparison_of(everyone, done, ap, metrics, seeds, images, counts, config_differs)
    repeats = ["again"] if repeated else []
    if repeated:
        cells += [("again", seed) for seed in range(seeds)]
        again = {("again", seed): ap["baseline", seed] + 0.001 * (seed + 1) for seed in range(seeds)}
        metrics = pd.concat([metrics, metrics_of(draw, list(again), again, [])])
        floor = noise_floor({seed: ap["baseline", seed] for seed in range(seeds)}, {"again": by_seed(again)})
        comparison = comparison.model_copy(update={"noise_floor": floor})
    metrics.to_csv(files.metrics, index=False)
    comparison.write(files.comparison)
    _cells(draw, cells, lost, broken).write(files.cells)
    _history(draw, done, undertrained).to_csv(files.history, index=False)
    _cost(draw, [*everyone, *repeats]).write(files.cost)
    _curves(draw, everyone).write(files.curves)
    _errors(draw, everyone, done).write(files.errors)
    _boxes(images, counts).write(files.boxes)
    _card(counts, images).write(files.card)
    _study([*everyone, *repeats], repeats, class_names, seeds, demo).write(files.study)
    _examples(draw, folder, everyone, class_names, pictures).write(files.examples)
    return folder


def by_seed(ap: dict[Run, float]) -> dict[int, float]:
    return {seed: value for (_, seed), value in ap.items()}


def _cells(draw: Any, cells: Sequence[Run], lost: dict[Run, str], resumed: bool) -> CellResults:
    reasons = {"failed": "out of memory at epoch 2", "missing": None, "done": None}
    rows = []
    for number, (variant, seed) in enumerate(cells):
        state = lost.get((variant, seed), "done")
        run = samples.run(
            variant,
            seed,
            f"{number:064x}"[::-1],
            seconds=float(draw.uniform(50, 60)),
            resumed_from=3 if resumed and number == 4 else None,
            averaged=False,
        )
        found = {"state": state, "reason": reasons[state], "run": run if state == "done" else None}
        rows.append(CellResult.model_validate({"variant": variant, "seed": seed, **found}))
    return CellResults(cells=rows)


def _history(draw: Any, done: Sequence[Run], undertrained: bool) -> pd.DataFrame:
    rows = []
    for variant, seed in done:
        drop = draw.uniform(0.02, 0.03) * (1 if undertrained else 3)
        for step in range(5, 125, 5):
            loss = 0.5 + 1.5 * np.exp(-drop * step) + draw.normal(0, 0.01)
            rows.append((variant, seed, step // 15, step, 1.7e9 + step, "loss", loss))
            if step % 30 == 0:
                learned = 0.34 * (step / 120 if undertrained else 1 - np.exp(-step / 20))
                rows.append((variant, seed, step // 15, step, 1.7e9 + step, "val/AP", learned))
    return pd.DataFrame(rows, columns=["variant", "seed", "epoch", "step", "time", "metric", "value"])


def _cost(draw: Any, everyone: Sequence[str]) -> Cost:
    rows = {}
    for index, name in enumerate(everyone):
        median = 12 + 0.8 * index + float(draw.uniform(0, 2))
        added = 0 if index == 0 else int(draw.integers(100, 400_000))
        rows[name] = samples.variant_cost(added, 1.9 + 0.02 * index, median)
    return samples.cost(rows)


def _curves(draw: Any, everyone: Sequence[str]) -> Curves:
    recalls = np.linspace(0, 1, 101)
    curve = {
        name: {key: np.clip(1 - (recalls / top) ** 4, 0, 1).round(4).tolist() for key, top in _tops(draw).items()}
        for name in everyone
    }
    return Curves(recall=recalls.tolist(), variants=curve)


def _tops(draw: Any) -> dict[str, float]:
    shift = draw.normal(0, 0.02)
    return {"0.50": 0.7 + shift, "0.75": 0.5 + shift, "mean": 0.55 + shift}


def _errors(draw: Any, everyone: Sequence[str], done: Sequence[Run]) -> ErrorTypes:
    runs: dict[str, dict[int, RunErrors]] = {}
    for variant, seed in done:
        found = {kind: float(draw.uniform(0.01, 0.1)) for kind in ERRORS}
        runs.setdefault(variant, {})[seed] = RunErrors(delta_ap=found, counts={})
    means = {
        name: {kind: float(np.mean([run.delta_ap[kind] for run in seeds.values()])) for kind in ERRORS}
        for name, seeds in runs.items()
    }
    differences = {
        name: {kind: mean - means["baseline"][kind] for kind, mean in kinds.items()}
        for name, kinds in means.items()
        if name != "baseline"
    }
    return ErrorTypes(types=ERRORS, baseline="baseline", runs=runs, mean=means, difference=differences)


def _boxes(images: int, counts: dict[str, int]) -> BoxTable:
    def all_medium(n: int) -> BoxCounts:
        return BoxCounts(all=n, small=0, medium=n, large=0)

    classes = {name: all_medium(n) for name, n in counts.items()}
    return BoxTable(images=images, total=all_medium(sum(counts.values())), classes=classes)


def _card(counts: dict[str, int], images: int) -> Card:
    files = [FileInSplit(split="train", file_name="a b.jpg"), FileInSplit(split="val", file_name="c|d.jpg")]
    splits = {
        "train": samples.split(4 * images, {name: 4 * count for name, count in counts.items()}),
        "val": samples.split(images, counts),
    }
    return samples.card(
        splits,
        leaks=EqualFiles(count=1, groups=[files]),
        repairs={"empty": Repair(count=2, meaning="box without area dropped")},
        details=[{"rule": "empty", "split": "train", "id": 7, "detail": "[10, 10, 0, 5]"}],
    )


CBAM = ModuleFacts(
    name="cbam",
    form="paper",
    init="official",
    place="before_add",
    stages=[2, 3, 4],
    levels=None,
    options={"reduction": 16},
    formula="x1 = x * sig(MLP(avg x) + MLP(max x)); y = x1 * sig(BN(conv7x7([max x1 ; mean x1])))",
    paper="CBAM: Convolutional Block Attention Module (ECCV 2018)",
    link="https://arxiv.org/abs/1807.06521",
    differs="The article adds a residual and uses a 49x49 kernel.",
)


def _described(name: str, repeats: Sequence[str]) -> VariantFacts:
    plain = name == "baseline" or name in repeats
    return VariantFacts(
        title="Faster R-CNN as it is" if plain else f"{name} before the residual add",
        attention=[] if plain else [CBAM],
        overrides={},
        repeat=int(name in repeats),
        config_differences={} if plain else {"model.backbone.plugins": (None, [{"type": name}])},
        weights=None,
    )


def _study(everyone: Sequence[str], repeats: list[str], classes: list[str], seeds: int, demo: bool) -> StudyFacts:
    described = {name: _described(name, repeats) for name in everyone}
    lines = [("AP", "0.50:0.95", "all", "100"), ("AP", "0.50", "all", "1000"), ("AR", "0.50:0.95", "small", "1000")]
    article = [
        ArticleRow(variant=name, metric=metric, iou=iou, area=area, max_dets=dets, value=0.34 + 0.001 * i)
        for i, name in enumerate(everyone[:9])
        for metric, iou, area, dets in lines
    ]
    return StudyFacts(
        study="demo" if demo else "traffic",
        params={"study": "demo", "seeds": [*range(seeds)], "train": {"epochs": 8, "batch_size": 8, "lr": 0.001}},
        params_sha256="cd" * 32,
        classes=classes,
        split="val",
        variants=described,
        repeats=repeats,
        shared={
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
        git=Git(revision="0123456789abcdef0123456789abcdef01234567", dirty=True),
        dvc_lock_sha256=None,
        versions=samples.VERSIONS,
        command="dvc repro",
        demo=demo,
        article=Article(rows=article, sentence="One run of each variant: nothing may be concluded about the modules."),
        wall_clock_seconds=1930.5,
        device_hours=0.52,
    )


def _examples(draw: Any, folder: Path, everyone: Sequence[str], classes: list[str], n: int) -> Examples:
    (folder / "examples").mkdir()
    return Examples(examples=[_example(draw, folder, everyone, classes, number) for number in range(n)])


def _example(draw: Any, folder: Path, everyone: Sequence[str], classes: list[str], number: int) -> Example:
    """The first box is a crowd; of the others some are found, some missed, and some found where nothing is."""
    truth = [
        ShownBox(
            bbox=(20 + 50 * i, 30 + 20 * i, 40, 35),
            category=classes[i % len(classes)],
            outcome="truth" if i else "crowd",
        )
        for i in range(4)
    ]
    seen = {}
    for name in everyone:
        shown = []
        for box in truth:
            x, y, w, h = box.bbox
            if draw.uniform() > 0.2:
                moved = (x + float(draw.normal(0, 5)), y + float(draw.normal(0, 5)), w, h)
                outcome = "ignored" if box.outcome == "crowd" else "found" if draw.uniform() > 0.2 else "false"
                found = {"bbox": moved, "outcome": outcome, "score": float(draw.uniform(0.3, 1))}
                shown.append(box.model_copy(update=found))
            elif box.outcome == "truth":
                shown.append(box.model_copy(update={"outcome": "missed"}))
        seen[name] = shown
    example = Example(
        image_id=number + 1,
        file_name=f"val/some image {number}.jpg",
        width=256,
        height=160,
        reason="largest gain" if number == 0 else "largest loss" if number == 1 else "random",
        variant=everyone[-1] if number < 2 else None,
        change=0.4 if number == 0 else -0.33 if number == 1 else None,
        score_threshold=0.3,
        ground_truth=truth,
        detections=seen,
    )
    y, x = np.mgrid[0:160, 0:256]
    picture = np.stack([(x + 40 * number) % 256, 255 - y, (x + y) // 2], axis=2) + draw.integers(0, 30, (160, 256, 3))
    Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(folder / example.picture, quality=85)
    return example
