"""The study as MLflow runs: one for the study, one a variant, one a cell. Pure but for the files' digests.

Every number and word comes from the files; nothing is computed here, so MLflow and the report agree.
"""

from __future__ import annotations

import json
from typing import Any

from pipeline.tracking.names import TAG_LIMIT, clip, flatten
from pipeline.tracking.record import DatasetInput, Point, Record, point
from pipeline.tracking.sources import Sources, ms, report_files

DIGEST_LIMIT = 36  # characters that MLflow takes as a data set's digest
COMPARED = {"mean": "mean", "sd": "sd", "n": "n", "delta": "delta", "ci_low": "ci_lo", "ci_high": "ci_hi",
            "p_adjusted": "p_adjusted", "se": "se", "se_images": "se_images"}  # fmt: skip
STUDY_NUMBERS = ("images", "k", "seed_sd", "minimum_detectable", "critical_value")
RUN_NUMBERS = ("seconds", "predict_seconds", "parameters", "attention_parameters")
RUN_FACTS = ("device", "hardware", "threads", "world_size", "epochs", "steps", "resumed_from", "noise")
TABLES = ("metrics.csv", "comparison.json", "cells.json", "cost.json", "card.json", "study.json")


def project(sources: Sources) -> list[Record]:
    """Parents first: the study, its variants, their cells."""
    cells = [record for cell in sources.cells if (record := _cell(sources, cell))]
    variants = [_variant(sources, name, cells) for name in sources.study.variants]
    return [_study(sources, cells), *variants, *cells]


def cell_identity(variant: str, seed: int, fingerprint: str) -> dict[str, str]:
    """The tags by which a cell's run is found, while it trains and after."""
    return {
        "role": "cell",
        "variant": variant,
        "seed": str(seed),
        "cell": f"{variant}-{seed}",
        "fingerprint": fingerprint,
        "key": f"cell/{variant}/{seed}/{fingerprint[:16]}",
    }


def cell_params(plan: dict[str, Any], variant: str, seed: int) -> dict[str, str]:
    """The resolved settings of a cell, flat; they follow from its fingerprint alone."""
    return {"variant": variant, "seed": str(seed), **flatten(plan.get("config", {}), "config")}


def _cell(sources: Sources, cell: dict[str, Any]) -> Record | None:
    if cell["state"] == "missing":
        return None
    return _done(sources, cell) if cell["state"] == "done" else _failed(sources, cell)


def _done(sources: Sources, cell: dict[str, Any]) -> Record:
    variant, seed, run = cell["variant"], cell["seed"], cell["run"]
    folder = f"data/runs/{variant}/{seed}"
    ended = ms(run["finished"])
    numbers = {**sources.metrics.get((variant, seed), {}), **_numbers(run, RUN_NUMBERS)}
    files = {name: sources.root / folder / name for name in ("predictions.json.gz", "history.csv", "run.json")}
    files[f"plan/{variant}.json"] = sources.root / f"data/plans/{variant}.json"
    return Record(
        key=cell_identity(variant, seed, run["fingerprint"])["key"],
        name=f"{variant}-{seed}",
        started=ms(run["started"]),
        ended=ended,
        params={
            **cell_params(sources.plans.get(variant, {}), variant, seed),
            **flatten({name: run[name] for name in RUN_FACTS if name in run}),
            **flatten({"weights": run.get("weights")}),
        },
        points=(*sources.histories.get((variant, seed), ()), *points(numbers, ended)),
        tags={
            **cell_identity(variant, seed, run["fingerprint"]),
            **_origin(sources, f"train@{variant}-{seed}"),
            **{f"version.{name}": str(version) for name, version in run.get("versions", {}).items()},
            "checkpoint": f"{folder}/checkpoint.pth",
            "checkpoint.sha256": run["checkpoint_sha256"],
            "predictions.sha256": run["predictions_sha256"],
            "progress": "done",
        },
        datasets=_datasets(sources),
        artifacts={name: path for name, path in files.items() if path.exists()},
        parent=f"variant/{variant}",
    )


def _failed(sources: Sources, cell: dict[str, Any]) -> Record:
    variant, seed = cell["variant"], cell["seed"]
    started, ended = _span(sources)
    return Record(
        key=f"cell/{variant}/{seed}/failed",
        name=f"{variant}-{seed}",
        started=started,
        ended=ended,
        status="FAILED",
        params=cell_params(sources.plans.get(variant, {}), variant, seed),
        tags={
            **_origin(sources, f"train@{variant}-{seed}"),
            "role": "cell",
            "variant": variant,
            "seed": str(seed),
            "cell": f"{variant}-{seed}",
            "key": f"cell/{variant}/{seed}/failed",
            "progress": "failed",
            "reason": clip(cell.get("reason") or "unknown", TAG_LIMIT),
        },
        parent=f"variant/{variant}",
    )


def _variant(sources: Sources, name: str, cells: list[Record]) -> Record:
    own = [cell for cell in cells if cell.tags["variant"] == name]
    started, ended = _span(sources) if not own else (min(c.started for c in own), max(c.ended for c in own))
    compared = sources.comparison["variants"].get(name, {})
    cost = sources.cost.get("variants", {}).get(name, {})
    facts = sources.facts.get("variants", {}).get(name, {})
    numbers = {new: compared.get(old) for old, new in COMPARED.items()}
    numbers |= _numbers(cost, ("parameters", "attention_parameters", "gflops"))
    numbers |= {f"latency_ms/{part}": value for part, value in cost.get("latency_ms", {}).items()}
    for metric, found in sources.comparison.get("descriptive", {}).items():
        values = found["variants"].get(name, {})
        numbers |= {f"{metric}/{part}": values.get(part) for part in ("mean", "sd", "delta")}
    return Record(
        key=f"variant/{name}",
        name=name,
        started=started,
        ended=ended,
        params={
            "variant": name,
            **flatten(facts.get("attention", []), "attention"),
            **flatten(facts.get("overrides") or {}, "overrides"),
        },
        points=points(numbers, ended),
        tags={
            **_origin(sources, "evaluate"),
            "role": "variant",
            "variant": name,
            "key": f"variant/{name}",
            "verdict": compared.get("verdict") or ("baseline" if name == sources.comparison["baseline"] else "none"),
            "pairs_improved": "{}/{}".format(*(compared.get("p_improve") or ("-", "-"))),
            "cells": f"{sum(cell.status == 'FINISHED' for cell in own)} of {len(sources.study.seeds)}",
            "mlflow.note.content": clip(_note(facts), TAG_LIMIT),
        },
        datasets=_datasets(sources),
    )


def _study(sources: Sources, cells: list[Record]) -> Record:
    started, ended = _span(sources)
    states = [cell["state"] for cell in sources.cells]
    numbers = _numbers(sources.comparison, STUDY_NUMBERS) | _numbers(
        sources.facts, ("wall_clock_seconds", "device_hours")
    )
    numbers |= {f"cells_{state}": states.count(state) for state in ("done", "failed", "missing")}
    tables = {f"evaluation/{name}": sources.root / "data/evaluation" / name for name in TABLES}
    return Record(
        key="study",
        name=f"study {sources.study.study}",
        started=started,
        ended=ended,
        params=flatten(sources.facts.get("params", {})),
        points=points(numbers, ended),
        tags={
            **_origin(sources, "evaluate"),
            "role": "study",
            "key": "study",
            "claim": str(sources.comparison["claim"]),
            "mlflow.note.content": clip(_claim(sources), TAG_LIMIT),
        },
        datasets=_datasets(sources),
        artifacts={
            **{name: path for name, path in tables.items() if path.exists()},
            **report_files(sources.root),
        },
    )


def points(numbers: dict[str, Any], timestamp: int) -> tuple[Point, ...]:
    """One point a number, at step 0: MLflow draws such metrics as bars. What may not be claimed (null) is left out."""
    return tuple(point(name, float(value), timestamp, 0) for name, value in numbers.items() if value is not None)


def _numbers(values: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: values.get(name) for name in names}


def _span(sources: Sources) -> tuple[int, int]:
    """From the first cell's start to the last one's end, in ms; 0 where no cell is done."""
    runs = [cell["run"] for cell in sources.cells if cell["run"]]
    if not runs:
        return 0, 0
    return ms(min(run["started"] for run in runs)), ms(max(run["finished"] for run in runs))


def _origin(sources: Sources, stage: str) -> dict[str, str]:
    git = sources.facts.get("git", {})
    return {
        "study": sources.study.study,
        "mlflow.source.type": "LOCAL",
        "mlflow.source.name": f"dvc repro {stage}",
        "mlflow.source.git.commit": str(git.get("revision") or "none"),
        "git.dirty": str(bool(git.get("dirty"))).lower(),
        "params.sha256": str(sources.facts.get("params_sha256")),
    }


def _datasets(sources: Sources) -> tuple[DatasetInput, ...]:
    card = sources.card
    if not card:
        return ()
    source = json.dumps({"uri": card["origin"], "kind": card["source"], "licence": card["licence"]})
    splits = (("train", "training"), (sources.comparison["split"], "evaluation"))
    return tuple(
        DatasetInput(
            name=f"{card['name']} {split}",
            digest=str(card["digest"])[:DIGEST_LIMIT],
            context=context,
            source=source,
            profile=json.dumps(_counts(card, split), sort_keys=True),
        )
        for split, context in splits
    )


def _counts(card: dict[str, Any], split: str) -> dict[str, Any]:
    found = card.get("splits", {}).get(split, {})
    return {name: found[name] for name in ("images", "boxes") if name in found}


def _note(facts: dict[str, Any]) -> str:
    """The variant in words, as MLflow's description of the run (Markdown)."""
    lines = [facts.get("title") or "no attention"]
    for module in facts.get("attention", []):
        link = f"[{module.get('paper')}]({module.get('link')})" if module.get("link") else str(module.get("paper", ""))
        lines.append(f"- {module.get('name')}: {link}; {module.get('form', '')}, {module.get('place', '')}")
    return "\n".join(lines)


def _claim(sources: Sources) -> str:
    refusals = [refusal["text"] for refusal in sources.comparison.get("refusals", [])]
    demo = ["This is the demo: it shows the tool, not the modules."] if sources.facts.get("demo") else []
    return "\n\n".join([*demo, *refusals, "The whole report: artifact `report/ablation.html`."])
