"""All that the report and MLflow need to know of a study besides its metrics, gathered from its files."""

from __future__ import annotations

import ast
import csv
import io
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from pipeline import attention
from pipeline.cells import state as standing
from pipeline.common.files import digest, file_sha256, read_json, write_json, write_text
from pipeline.study import Cell, Study
from pipeline.study.plan import PLANS, Fingerprints

COCO = Path("data/coco")
ARTICLE = Path("data/reference/article.csv")
ARTICLE_CLASSES = {"red_tl", "arr_s", "arr_l", "no_driving_mark_allsort", "no_parking_mark"}
THUMBNAIL = 640  # pixels, the longer side of an example's picture


def cells(study: Study) -> list[dict[str, Any]]:
    """Every cell of params.yaml: done (with its run.json), failed (with the reason) or missing.

    A run that an older plan made counts as missing: its numbers belong to another experiment.
    """
    fingerprints = Fingerprints()
    record = []
    for cell in study.cells():
        identity = fingerprints.of(cell.variant, cell.seed)
        path = standing.collected(cell) / "run.json"
        run = read_json(path) if path.exists() else None
        if run and run["fingerprint"] == identity:
            state, reason = "done", None
        else:
            now = standing.standing(cell, identity)
            state, reason = ("failed", now.detail) if now.state == "failed" else ("missing", now.detail or now.state)
            run = None
        record.append({"variant": cell.variant, "seed": cell.seed, "state": state, "reason": reason, "run": run})
    return record


def repeats(study: Study) -> list[str]:
    """The A/A variants: the baseline trained again. They measure noise and compete with nobody."""
    baseline = study.variants[study.evaluation.baseline]
    return [
        name
        for name, variant in study.variants.items()
        if name != study.evaluation.baseline and variant.model_copy(update={"repeat": baseline.repeat}) == baseline
    ]


def flatten(value: Any, path: str = "") -> dict[str, Any]:
    """Nested JSON as {dotted path: leaf}; empty containers are leaves."""
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, Mapping):
        items = value.items()
    elif isinstance(value, list | tuple):
        items = enumerate(value)
    if not value or not isinstance(value, Mapping | list | tuple):
        return {path: value}
    flat: dict[str, Any] = {}
    for key, item in items:
        flat |= flatten(item, f"{path}.{key}" if path else str(key))
    return flat


def contract(plan: Mapping[str, Any]) -> dict[str, Any]:
    """What must be equal in all variants for a comparison to mean anything: all but the model itself."""
    rest = {key: value for key, value in plan["config"].items() if key != "model"}
    return flatten({**rest, "weights": plan["weights"] and plan["weights"]["sha256"], "versions": plan["versions"]})


def differences(baseline: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Config paths at which two plans differ: {path: [baseline's value, the other's]}."""
    a, b = flatten(baseline["config"]), flatten(other["config"])
    return {path: [a.get(path), b.get(path)] for path in sorted(a.keys() | b.keys()) if a.get(path) != b.get(path)}


def about(name: str) -> dict[str, str]:
    """What an attention file says of itself: the parts of its docstring, read without importing torch.

    The first line is `NAME: paper. link`, the next paragraphs are the formula in words, and one that
    begins with `Differences:` says what differs from the paper and the article.
    """
    files = [Path(folder) / f"{name}.py" for folder in attention.__path__]
    source = next(file for file in files if file.exists())
    text = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or name
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", text)]
    link = re.search(r"https?://[^\s,)]+", paragraphs[0])
    differs = [part.removeprefix("Differences:").strip() for part in paragraphs if part.startswith("Differences:")]
    return {
        "paper": paragraphs[0].partition("http")[0].strip() if link else paragraphs[0],
        "link": link[0].rstrip(".") if link else "",
        "formula": " ".join(part for part in paragraphs[1:] if not part.startswith("Differences:")),
        "differs": " ".join(differs),
    }


def write(
    folder: Path, study: Study, record: Sequence[Mapping[str, Any]], result: Any, manifest: Mapping[str, Any]
) -> None:
    """data/evaluation, whole: the evaluation's results and everything the later stages read besides."""
    folder.mkdir(parents=True)
    columns = ("variant", "seed", "metric", "value")
    _write_csv(folder / "metrics.csv", columns, ([row[key] for key in columns] for row in result.metrics))
    write_json(folder / "comparison.json", result.comparison.to_dict())
    for name in ("curves", "errors", "boxes"):
        write_json(folder / f"{name}.json", getattr(result, name))
    write_json(folder / "cells.json", list(record))
    _write_csv(
        folder / "history.csv", ("variant", "seed", "epoch", "step", "time", "metric", "value"), _histories(record)
    )
    shutil.copyfile(COCO / "card.json", folder / "card.json")
    shutil.copyfile("data/cost.json", folder / "cost.json")
    images = Path(manifest["splits"][manifest["report_split"]]["images"])
    write_json(folder / "examples.json", [_with_picture(example, images, folder) for example in result.examples])
    write_json(folder / "study.json", describe(study, record, manifest))


def _histories(record: Sequence[Mapping[str, Any]]) -> Iterable[tuple[Any, ...]]:
    for entry in record:
        if entry["state"] == "done":
            path = standing.collected(Cell(entry["variant"], entry["seed"])) / "history.csv"
            with path.open(newline="", encoding="utf-8") as file:
                for row in list(csv.reader(file))[1:]:
                    yield (entry["variant"], entry["seed"], *row)


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_text(path, buffer.getvalue())


def _with_picture(example: Mapping[str, Any], images: Path, folder: Path) -> dict[str, Any]:
    """Copy the image small: the report must not depend on the data set still being there."""
    picture = f"examples/{example['image_id']}.jpg"
    target = folder / picture
    target.parent.mkdir(exist_ok=True)
    with Image.open(images / example["file_name"]) as image:
        small = image.convert("RGB")
        small.thumbnail((THUMBNAIL, THUMBNAIL))
        small.save(target, quality=88)
    return {**example, "picture": picture}


def describe(study: Study, record: Sequence[Mapping[str, Any]], manifest: Mapping[str, Any]) -> dict[str, Any]:
    """study.json: settings, variants in words, provenance."""
    plans = {name: read_json(PLANS / f"{name}.json") for name in study.variants}
    baseline = plans[study.evaluation.baseline]
    params = study.model_dump(mode="json", by_alias=True)
    runs = [entry["run"] for entry in record if entry["run"]]
    return {
        "schema": 1,
        "study": study.study,
        "params": params,
        "params_sha256": digest(params),
        "classes": manifest["classes"],
        "split": manifest["report_split"],
        "variants": {name: _variant(study, name, plans[name], baseline, runs) for name in study.variants},
        "shared": {
            **study.detector.model_dump(mode="json", exclude={"overrides", "parameter_budget"}),
            **study.train.model_dump(mode="json"),
            "learning_rate_used": baseline["config"]["optim_wrapper"]["optimizer"]["lr"],
        },
        "git": _git(),
        "dvc_lock_sha256": file_sha256(Path("dvc.lock")) if Path("dvc.lock").exists() else None,
        "versions": baseline["versions"],
        "command": "dvc repro",
        "demo": study.dataset.source == "roadmarks",
        "article": _article(manifest["classes"]),
        "wall_clock_seconds": max(run["finished"] for run in runs) - min(run["started"] for run in runs)
        if runs
        else None,
        "device_hours": sum((run["seconds"] + run["predict_seconds"]) * run["world_size"] for run in runs) / 3600,
    }


def _variant(
    study: Study, name: str, plan: Mapping[str, Any], baseline: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    variant = study.variants[name]
    modules = [
        {
            **insertion.model_dump(mode="json"),
            "form": insertion.options.get("form", "paper"),
            "init": insertion.options.get("init", "official"),
            **about(insertion.name),
        }
        for insertion in variant.attention
    ]
    title = " + ".join(f"{module['name']} at {module['place']}" for module in modules) or "no attention"
    return {
        "title": title,
        "attention": modules,
        "overrides": variant.overrides,
        "repeat": variant.repeat,
        "config_differences": differences(baseline, plan),
        "weights": next((run["weights"] for run in runs if run["variant"] == name), None),
    }


def _git() -> dict[str, Any]:
    """The revision that made the study, and whether its files differed from it."""
    try:
        revision = subprocess.run(
            ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True
        ).stdout.strip()
        # dvc.lock changes with every stage and the reports are made after this
        changed = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no", "--", ".", ":!dvc.lock", ":!reports"],
            capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return {"revision": None, "dirty": None}
    return {"revision": revision, "dirty": bool(changed)}


def _article(classes: Sequence[str]) -> dict[str, Any] | None:
    """The article's published numbers, where the classes are the article's."""
    if not set(classes) >= ARTICLE_CLASSES:
        return None
    from pipeline.evaluation import article_outcome

    with ARTICLE.open(newline="", encoding="utf-8") as file:
        rows = [{**row, "value": float(row["value"])} for row in csv.DictReader(file)]
    return {"applies": True, "rows": rows, "sentence": article_outcome(rows).text}
