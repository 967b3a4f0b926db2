"""The study as MLflow runs: one for the study, one a variant, one a cell. Pure but for the files' digests.

Every number and word comes from the files; nothing is computed here, so MLflow and the report agree.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from pipeline.common.paths import CellPaths
from pipeline.evaluation import VariantComparison
from pipeline.records import Card, Plan, Run
from pipeline.records.cost import VariantCost
from pipeline.records.results import CellResult
from pipeline.records.study import VariantFacts
from pipeline.results.read import EvaluationPaths, Evidence
from pipeline.results.repeats import repeat
from pipeline.results.training import training
from pipeline.tracking.content import Content, DatasetInput, Point, point
from pipeline.tracking.names import TAG_LIMIT, clip, flatten
from pipeline.tracking.sources import Sources, ms, report_files

DIGEST_LIMIT = 36  # characters that MLflow takes as a data set's digest
RUN_FACTS = {"device", "hardware", "threads", "world_size", "epochs", "steps", "resumed_from", "weights"}


def project(sources: Sources) -> list[Content]:
    """Parents first: the study, its variants, their cells."""
    cells = [content for cell in sources.evidence.cells if (content := _cell(sources, cell))]
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


def cell_params(plan: Plan | None, variant: str, seed: int) -> dict[str, str]:
    """The resolved settings of a cell, flat; they follow from its fingerprint alone."""
    return {"variant": variant, "seed": str(seed), **(flatten(plan.config, "config") if plan else {})}


def _cell(sources: Sources, cell: CellResult) -> Content | None:
    if cell.run:
        return _done(sources, cell.run)
    return _failed(sources, cell) if cell.state == "failed" else None


def _done(sources: Sources, run: Run) -> Content:
    variant, seed, paths = run.variant, run.seed, sources.paths
    folder, plan = CellPaths(paths.run(variant, seed)), paths.plan(variant)
    ended = ms(run.finished)
    numbers = {
        **sources.metrics.get((variant, seed), {}),
        "seconds": run.seconds,
        "predict_seconds": run.predict_seconds,
        "parameters": run.parameters,
        "attention_parameters": run.attention_parameters,
    }
    files = {path.name: path for path in (folder.predictions, folder.history, folder.run)}
    files[f"plan/{plan.name}"] = plan
    return Content(
        key=cell_identity(variant, seed, run.fingerprint)["key"],
        name=f"{variant}-{seed}",
        started=ms(run.started),
        ended=ended,
        params={
            **cell_params(sources.plans.get(variant), variant, seed),
            **flatten(run.model_dump(mode="json", include=RUN_FACTS)),
        },
        points=(*sources.histories.get((variant, seed), ()), *points(numbers, ended)),
        tags={
            **cell_identity(variant, seed, run.fingerprint),
            **_origin(sources, f"train@{variant}-{seed}"),
            **{f"version.{name}": version for name, version in run.versions.items()},
            "checkpoint": folder.checkpoint.relative_to(paths.root).as_posix(),
            "checkpoint.sha256": run.checkpoint_sha256,
            "predictions.sha256": run.predictions_sha256,
            "progress": "done",
        },
        datasets=_datasets(sources),
        artifacts={name: path for name, path in files.items() if path.exists()},
        parent=f"variant/{variant}",
    )


def _failed(sources: Sources, cell: CellResult) -> Content:
    started, ended = _span(sources)
    name = f"{cell.variant}-{cell.seed}"
    return Content(
        key=f"cell/{cell.variant}/{cell.seed}/failed",
        name=name,
        started=started,
        ended=ended,
        status="FAILED",
        params=cell_params(sources.plans.get(cell.variant), cell.variant, cell.seed),
        tags={
            **_origin(sources, f"train@{name}"),
            "role": "cell",
            "variant": cell.variant,
            "seed": str(cell.seed),
            "cell": name,
            "key": f"cell/{cell.variant}/{cell.seed}/failed",
            "progress": "failed",
            "reason": clip(cell.reason or "unknown", TAG_LIMIT),
        },
        parent=f"variant/{cell.variant}",
    )


def _variant(sources: Sources, name: str, cells: Sequence[Content]) -> Content:
    evidence = sources.evidence
    own = [cell for cell in cells if cell.tags["variant"] == name]
    started, ended = _span(sources) if not own else (min(c.started for c in own), max(c.ended for c in own))
    compared = evidence.comparison.variants.get(name)
    cost = evidence.cost.variants.get(name)
    facts = evidence.study.variants[name]
    numbers = (_compared(compared) if compared else {}) | (_costs(cost) if cost else {})
    for metric, described in evidence.comparison.descriptive.items():
        found = described.variants.get(name)
        if found:
            numbers |= {f"{metric}/mean": found.mean, f"{metric}/sd": found.sd, f"{metric}/delta": found.delta}
    again = repeat(evidence, name) if name in evidence.repeats else None
    if again:
        numbers |= {"mean": again.mean, "sd": again.sd, "n": again.n, "delta": again.delta}
    improved = compared.p_improve if compared else None
    return Content(
        key=f"variant/{name}",
        name=name,
        started=started,
        ended=ended,
        params={
            "variant": name,
            **flatten([module.model_dump(mode="json") for module in facts.attention], "attention"),
            **flatten(facts.overrides, "overrides"),
        },
        points=points(numbers, ended),
        tags={
            **_origin(sources, "evaluate"),
            "role": "variant",
            "variant": name,
            "key": f"variant/{name}",
            "verdict": _verdict(evidence, name),
            "pairs_improved": f"{improved[0]:g}/{improved[1]}" if improved else "-/-",
            "cells": f"{sum(cell.status == 'FINISHED' for cell in own)} of {len(sources.study.seeds)}",
            "mlflow.note.content": clip(_note(facts), TAG_LIMIT),
        },
        datasets=_datasets(sources),
    )


def _verdict(evidence: Evidence, name: str) -> str:
    if name == evidence.baseline:
        return "baseline"
    if name in evidence.repeats:
        return "A/A"
    row = evidence.comparison.variants[name]
    return "no finished run" if row.n == 0 else row.verdict or "not_claimed"


def _compared(row: VariantComparison) -> dict[str, float | None]:
    return {
        "mean": row.mean,
        "sd": row.sd,
        "n": row.n,
        "delta": row.delta,
        "ci_lo": row.ci_low,
        "ci_hi": row.ci_high,
        "p_adjusted": row.p_adjusted,
        "se": row.se,
        "se_images": row.se_images,
    }


def _costs(cost: VariantCost) -> dict[str, float | None]:
    return {
        "parameters": cost.parameters,
        "attention_parameters": cost.attention_parameters,
        "gflops": cost.gflops,
        "latency_ms/median": cost.latency_ms.median,
        "latency_ms/q1": cost.latency_ms.q1,
        "latency_ms/q3": cost.latency_ms.q3,
        "latency_ms/p95": cost.latency_ms.p95,
        "latency_ms/p99": cost.latency_ms.p99,
        "images_per_second/batch_1": cost.images_per_second.batch_1,
        "images_per_second/batch_8": cost.images_per_second.batch_8,
        "memory/inference": cost.memory.inference,
        "memory/training": cost.memory.training,
        "attention_gflops": cost.attention_gflops,
        "uncounted_gops": cost.uncounted_gops,
    }


def _study(sources: Sources, cells: Sequence[Content]) -> Content:
    started, ended = _span(sources)
    comparison, facts = sources.evidence.comparison, sources.evidence.study
    states = [cell.state for cell in sources.evidence.cells]
    numbers = {
        "images": comparison.images,
        "k": comparison.k,
        "seed_sd": comparison.seed_sd,
        "minimum_detectable": comparison.minimum_detectable,
        "critical_value": comparison.critical_value,
        "wall_clock_seconds": facts.wall_clock_seconds,
        "device_hours": facts.device_hours,
        "cells_done": states.count("done"),
        "cells_failed": states.count("failed"),
        "cells_missing": states.count("missing"),
    }
    files = EvaluationPaths(sources.paths.evaluation)
    tables = (files.metrics, files.comparison, files.cells, files.cost, files.card, files.study)
    return Content(
        key="study",
        name=f"study {sources.study.study}",
        started=started,
        ended=ended,
        params=flatten(facts.params),
        points=points(numbers, ended),
        tags={
            **_origin(sources, "evaluate"),
            "role": "study",
            "key": "study",
            "claim": comparison.claim,
            "mlflow.note.content": clip(_claim(sources), TAG_LIMIT),
        },
        datasets=_datasets(sources),
        artifacts={**{f"evaluation/{path.name}": path for path in tables}, **report_files(sources.paths)},
    )


def points(numbers: Mapping[str, float | None], timestamp: int) -> tuple[Point, ...]:
    """One point a number, at step 0: MLflow draws such metrics as bars. What may not be claimed (null) is left out."""
    return tuple(point(name, float(value), timestamp, 0) for name, value in numbers.items() if value is not None)


def _span(sources: Sources) -> tuple[int, int]:
    """From the first cell's start to the last one's end, in ms; 0 where no cell is done."""
    runs = list(sources.evidence.runs.values())
    if not runs:
        return 0, 0
    return ms(min(run.started for run in runs)), ms(max(run.finished for run in runs))


def _origin(sources: Sources, stage: str) -> dict[str, str]:
    facts = sources.evidence.study
    return {
        "study": sources.study.study,
        "mlflow.source.type": "LOCAL",
        "mlflow.source.name": f"dvc repro {stage}",
        "mlflow.source.git.commit": facts.git.revision or "none",
        "git.dirty": str(bool(facts.git.dirty)).lower(),
        "params.sha256": facts.params_sha256,
    }


def _datasets(sources: Sources) -> tuple[DatasetInput, ...]:
    card = sources.evidence.card
    source = json.dumps({"uri": card.origin, "kind": card.source, "licence": card.licence})
    splits = (("train", "training"), (sources.evidence.comparison.split, "evaluation"))
    return tuple(
        DatasetInput(
            name=f"{card.name} {split}",
            digest=card.digest[:DIGEST_LIMIT],
            context=context,
            source=source,
            profile=_counts(card, split),
        )
        for split, context in splits
    )


def _counts(card: Card, split: str) -> str:
    found = card.splits[split]
    return json.dumps({"boxes": found.boxes, "images": found.images})


def _note(facts: VariantFacts) -> str:
    """The variant in words, as MLflow's description of the run (Markdown)."""
    lines = [facts.title]
    for module in facts.attention:
        paper = f"[{module.paper}]({module.link})" if module.link else module.paper
        lines.append(f"- {module.name}: {paper}; {module.form}, {module.place}")
    return "\n".join(lines)


def _claim(sources: Sources) -> str:
    refusals = [refusal.text for refusal in sources.evidence.comparison.refusals]
    demo = ["This is the demo: it shows the tool, not the modules."] if sources.evidence.study.demo else []
    standing = [found.sentence] if (found := training(sources.evidence)).undertrained else []
    return "\n\n".join([*demo, *standing, *refusals, "The whole report: artifact `report/ablation.html`."])
