"""study.json: settings, variants in words, provenance."""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import JsonValue, ValidationError

from pipeline.common.errors import UserError
from pipeline.common.files import digest, file_sha256
from pipeline.common.nested import flatten
from pipeline.common.paths import Paths
from pipeline.evaluation import article_outcome
from pipeline.records import Manifest, Plan, Run
from pipeline.records.results import CellResults
from pipeline.records.study import Article, ArticleRow, Git, ModuleFacts, StudyFacts, VariantFacts
from pipeline.study.about import about
from pipeline.study.params import Study
from pipeline.study.sections import WIDEN_TOLERANCE, Insertion, Variant

MACHINE = ("recipe", "device", "processes", "threads", "workers", "val_interval", "log_interval")
SITES = ".sites."  # the modules where an attention stands, one path each
ARTICLE_CLASSES = {"red_tl", "arr_s", "arr_l", "no_driving_mark_allsort", "no_parking_mark"}


def describe(
    study: Study, plans: Mapping[str, Plan], results: CellResults, manifest: Manifest, paths: Paths
) -> StudyFacts:
    """`plans` of every variant, baseline included."""
    baseline = plans[study.evaluation.baseline]
    params = study.model_dump(mode="json", by_alias=True)
    runs = [cell.run for cell in results.cells if cell.run]
    return StudyFacts(
        study=study.study,
        params=params,
        params_sha256=digest(params),
        classes=manifest.classes,
        split=manifest.report_split,
        variants={name: _variant(study, name, plan, baseline, runs) for name, plan in plans.items()},
        repeats=study.repeats,
        shared=_shared(study, baseline),
        git=_git(paths.root),
        dvc_lock_sha256=file_sha256(paths.lock) if paths.lock.exists() else None,
        versions=baseline.versions,
        command="dvc repro",
        demo=study.dataset.source == "roadmarks",
        article=_article(manifest.classes, paths.article),
        wall_clock_seconds=max(run.finished for run in runs) - min(run.started for run in runs) if runs else None,
        device_hours=sum((run.seconds + run.predict_seconds) * run.world_size for run in runs) / 3600,
    )


def _shared(study: Study, baseline: Plan) -> dict[str, JsonValue]:
    """The settings of all runs. A config's own recipe counts as it was resolved, not by defaults that it never used."""
    config: Any = baseline.config
    train = study.train.model_dump(mode="json")
    if study.train.recipe == "config":
        own = {key: train[key] for key in train if key in study.train.model_fields_set or key in MACHINE}
        loop, optimizer = config["train_cfg"], config["optim_wrapper"]["optimizer"]
        train = own | {
            "iterations" if "max_iters" in loop else "epochs": loop.get("max_iters") or loop["max_epochs"],
            "batch_size": config["train_dataloader"]["batch_size"],
            "image_size": list(baseline.resources.image_size),
            "optimizer": optimizer["type"],
        }
    return {
        **study.detector.model_dump(mode="json", exclude={"overrides", "parameter_budget"}),
        **train,
        "learning_rate_used": config["optim_wrapper"]["optimizer"]["lr"],
        **({"notes": "; ".join(baseline.notes)} if baseline.notes else {}),
    }


def contract(plan: Plan) -> dict[str, Any]:
    """What must be equal in all variants for a comparison to mean anything: all but the model itself."""
    rest = {key: value for key, value in plan.config.items() if key != "model"}
    return flatten({**rest, "weights": plan.weights and plan.weights.sha256, "versions": plan.versions})


def differences(baseline: Plan, other: Plan) -> dict[str, tuple[JsonValue, JsonValue]]:
    """Config paths at which two plans differ: {path: (baseline's value, the other's)}; places are said in words."""
    a, b = flatten(baseline.config), flatten(other.config)
    changed = sorted(path for path in a.keys() | b.keys() if a.get(path) != b.get(path))
    return {path: (a.get(path), b.get(path)) for path in changed if SITES not in path}


def _variant(study: Study, name: str, plan: Plan, baseline: Plan, runs: Sequence[Run]) -> VariantFacts:
    variant = study.variants[name]
    modules = [module(insertion) for insertion in variant.attention]
    return VariantFacts(
        title=" + ".join(f"{found.name} at {found.place}" for found in modules) or _without_attention(variant),
        attention=modules,
        overrides=variant.overrides,
        repeat=variant.repeat,
        config_differences=differences(baseline, plan),
        weights=next((run.weights for run in runs if run.variant == name), None),
    )


def _without_attention(variant: Variant) -> str:
    if variant.widen is None:
        return "no attention"
    return (
        f"no attention: where {variant.widen} has it, plain 1x1 convolutions with as many parameters (within "
        f"{100 * WIDEN_TOLERANCE:.0f} %)"
    )


def module(insertion: Insertion) -> ModuleFacts:
    """An attention in words, from what its file says of itself."""
    found = about(insertion.name)
    return ModuleFacts(
        **insertion.model_dump(mode="json", exclude={"at", "side", "place"}),
        place=f"the {insertion.side} of {insertion.at}" if insertion.at else insertion.place,
        form=insertion.options.get("form", found.forms[0] if found.forms else "paper"),
        init=insertion.options.get("init", "official"),
        paper=found.paper,
        link=found.link,
        formula=" ".join((*found.formula, *found.remarks)),
        differs=found.differs,
    )


def _git(root: Path) -> Git:
    try:
        revision = _ask_git(root, "rev-parse", "HEAD")
        # dvc.lock changes with every stage and the reports are made after this
        changed = _ask_git(
            root, "status", "--porcelain", "--untracked-files=no", "--", ".", ":!dvc.lock", f":!{Paths().reports}"
        )
    except (OSError, subprocess.CalledProcessError):
        return Git(revision=None, dirty=None)
    return Git(revision=revision, dirty=bool(changed))


def _ask_git(root: Path, *words: str) -> str:
    result = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True)
    return result.stdout.strip()


def _article(classes: Sequence[str], path: Path) -> Article | None:
    """The article's published numbers, where the classes are the article's."""
    if not set(classes) >= ARTICLE_CLASSES:
        return None
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [ArticleRow.model_validate(row) for row in csv.DictReader(file)]
    except ValidationError as error:
        raise UserError(f"{path}: {error.errors()[0]['loc'][0]}: {error.errors()[0]['msg']}") from None
    return Article(rows=rows, sentence=article_outcome([row.model_dump() for row in rows]).text)
