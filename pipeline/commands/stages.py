"""The stages, one short function each: read, call, write. Heavy rooms load only in the stage that needs them."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.cells import run as cell_run
from pipeline.cells import state
from pipeline.common.errors import UserError
from pipeline.common.files import read_json, write_json
from pipeline.common.progress import duration, left, show
from pipeline.results import write as results
from pipeline.study import Cell, Study, load
from pipeline.study.cluster import EngineName
from pipeline.study.plan import MANIFEST, PLANS, Fingerprints, make

if TYPE_CHECKING:
    from pipeline.detector.weights import Pretrained

PARAMS = Path("params.yaml")
COCO, COST, EVALUATION, REPORTS = MANIFEST.parent, Path("data/cost.json"), Path("data/evaluation"), Path("reports")
TRACKED = Path("data/track.json")
COLLECT_ONLY = "ABLATION_COLLECT_ONLY"  # set by `make repro`: its dispatcher has tried, nothing is trained here


def say(text: str) -> None:
    print(text, flush=True)


def load_study() -> Study:
    """The study, with every section written out: DVC refuses a missing one, but only when its stage comes up."""
    study = load(PARAMS)
    missing = [name for name in Study.model_fields if name not in (*study.model_fields_set, "cluster")]
    if missing:
        raise UserError(
            f"{PARAMS}: {missing[0]}: this key is required, since dvc.yaml names it; `{missing[0]}: {{}}` will do"
        )
    return study


def prepare() -> None:
    from pipeline import dataset

    say(str(dataset.prepare(load_study().dataset, COCO)))


def plan() -> None:
    """All plans, or none: every variant is resolved, built and counted before anything is written."""
    study = load_study()
    weights = pretrained(study)
    plans = {name: plan_of(study, name, weights) for name in study.variants}
    part = PLANS.with_name(".plans.part")
    shutil.rmtree(part, ignore_errors=True)
    for name, content in plans.items():
        write_json(part / f"{name}.json", content)
    shutil.rmtree(PLANS, ignore_errors=True)
    part.replace(PLANS)
    say(f"{len(plans)} plans, {len(plans) * len(study.seeds)} cells")


def pretrained(study: Study) -> Pretrained | None:
    """The weights that all variants start from, read once. Raises UserError where they cannot be trusted."""
    from pipeline.detector.weights import read

    detector = study.detector
    if not detector.weights:
        return None
    weights = read(detector.weights, detector.weights_sha256)
    if not detector.weights_sha256:
        say(f"detector.weights has sha256 {weights.sha256}; to pin it: `weights_sha256: {weights.sha256}` below it")
    return weights


def plan_of(study: Study, variant: str, weights: Pretrained | None = None) -> dict[str, Any]:
    """One variant's plan. Raises UserError, prefixed by the variant, for what cannot be built, explodes or does not fit
    the weights."""
    from pipeline.detector.config import resolve
    from pipeline.detector.cost import attention_parameters

    detector = study.detector
    try:
        config = resolve(study, variant).to_dict()
        count = attention_parameters(config)
        planned = weights.planned(config) if weights else None
    except UserError as error:
        raise UserError(f"{PARAMS}: variants.{variant}: {error}") from None
    if count > detector.parameter_budget:
        raise UserError(
            f"{PARAMS}: variants.{variant}: its attention adds {count:,} parameters; detector.parameter_budget allows "
            f"{detector.parameter_budget:,} (another place, fewer stages, or a larger budget)"
        )
    return make(study, variant, config, planned)


def train(variant: str, seed: int) -> None:
    """One cell for DVC: train it or take it from scratch, then collect it."""
    study = load_study()
    if variant not in study.variants or seed not in study.seeds:
        raise UserError(f"{PARAMS} has no cell {variant} seed {seed}; allowed: {', '.join(map(str, study.cells()))}")
    say(progress_line(study, Cell(variant, seed)))
    plan = read_plan(variant)
    if os.environ.get(COLLECT_ONLY):
        _refuse_unfinished(Cell(variant, seed))
    identity = cell_run.run(plan, seed)
    if Fingerprints().of(variant, seed) != identity:
        raise UserError(
            f"{PLANS / variant}.json or {MANIFEST} changed while {variant} seed {seed} trained; what was trained is "
            f"kept in {state.scratch(identity)}, `dvc repro` trains the new plan"
        )
    state.collect(Cell(variant, seed), identity)


def _refuse_unfinished(cell: Cell) -> None:
    """A dispatcher has just tried: its verdict stands, and a login node of a cluster is no place to train."""
    now = state.standing(cell, Fingerprints().of(cell.variant, cell.seed))
    if now.state != "done":
        raise UserError(f"{cell}: {now.state}, {now.detail}" if now.detail else f"{cell}: {now.state}")


def dispatch(engine: EngineName, jobs: int | None, device: str | None, watch: bool) -> int:
    """All unfinished cells at once; how many failed."""
    from pipeline import dispatch as room

    if device is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = device
    return room.dispatch(load_study(), engine, jobs, watch)


def cancel() -> None:
    from pipeline import dispatch as room

    say("\n".join(room.cancel(load_study())) or "nothing of this study runs")


def read_plan(variant: str) -> Mapping[str, Any]:
    path = PLANS / f"{variant}.json"
    if not path.exists():
        raise UserError(f"{path}: no such plan; `dvc repro plan` writes it")
    content: Mapping[str, Any] = read_json(path)
    return content


def progress_line(study: Study, cell: Cell) -> str:
    """`cbam seed 1: cell 8 of 33, 7 done, 26 to go, about 25m left`, the time from the cells done."""
    standings = list(state.standings(study))
    done = [standing.seconds for standing in standings if standing.state == "done" and standing.seconds is not None]
    to_go = len(standings) - len(done)
    number = next(i for i, standing in enumerate(standings, 1) if standing.cell == cell)
    seconds = left(done, to_go)
    rest = "" if seconds is None else f", about {duration(seconds)} left"
    return f"{cell.variant} seed {cell.seed}: cell {number} of {len(standings)}, {len(done)} done, {to_go} to go{rest}"


def cost() -> None:
    from pipeline.detector import cost as room

    study = load(PARAMS)
    plans = {name: read_plan(name) for name in study.variants}
    width, height = study.train.image_size
    write_json(COST, room.measure(plans, (width, height), rounds=20))


def evaluate() -> None:
    from pipeline import evaluation

    study = load(PARAMS)
    manifest = read_json(MANIFEST)
    split = manifest["report_split"]
    record = results.cells(study)
    runs: dict[str, dict[int, Path]] = {name: {} for name in study.variants}
    for entry in record:
        if entry["state"] == "done":
            folder = state.collected(Cell(entry["variant"], entry["seed"]))
            runs[entry["variant"]][entry["seed"]] = folder / "predictions.json.gz"
    again = results.repeats(study)
    repeats = {seed: path for name in again for seed, path in runs.pop(name).items()}
    result = evaluation.evaluate(
        COCO / manifest["splits"][split]["annotations"],
        runs,
        baseline=study.evaluation.baseline,
        expected_seeds=study.seeds,
        settings=evaluation.Settings(
            **study.evaluation.model_dump(include={"resamples", "seed", "equivalence", "alpha", "pairing"})
        ),
        split=split,
        contracts={name: results.contract(read_plan(name)) for name in runs},
        chosen_on_split=False,  # the last epoch's checkpoint is the one reported, always
        repeats=repeats,
        progress=lambda done, total: show("resampling", done, total),
    )
    part = EVALUATION.with_name(".evaluation.part")
    shutil.rmtree(part, ignore_errors=True)
    results.write(part, study, record, result, manifest)
    shutil.rmtree(EVALUATION, ignore_errors=True)
    part.replace(EVALUATION)
    for refusal in result.comparison.refusals:
        say(f"note: {refusal.text}")


def report(compare: Path | None = None) -> None:
    from pipeline import report as room

    if compare is None:
        room.render(EVALUATION, REPORTS)
        say(f"{REPORTS / 'ablation.md'} and {REPORTS / 'ablation.html'} written")
    else:
        room.compare(EVALUATION, compare, REPORTS)


def track() -> None:
    from pipeline import tracking

    receipt = tracking.sync(Path.cwd()).to_dict()
    write_json(TRACKED, receipt)
    say(", ".join(f"{key} {value}" for key, value in receipt.items() if isinstance(value, int)))


def watch(interval: float) -> None:
    from pipeline import tracking

    say("showing running cells in MLflow; Ctrl-C stops the showing, not the training")
    tracking.watch(Path.cwd(), interval=interval)


def ui(port: int) -> None:
    from pipeline import tracking

    tracking.serve(Path.cwd(), port)


def power(wanted: float | None) -> None:
    """The table of detectable effects, and the cheapest way to a wanted one."""
    from rich.console import Console
    from rich.table import Table

    from pipeline.evaluation import plan_power

    path = EVALUATION / "comparison.json"
    if not path.exists():
        raise UserError(f"{path}: no such file; `dvc repro evaluate` writes it")
    result = plan_power(read_json(path), wanted)
    columns = sorted({row["images"] for row in result.table})
    table = Table(
        "seeds", *(f"{images:.0f} images" for images in columns), title="smallest AP difference it would show"
    )
    for seeds in sorted({row["seeds"] for row in result.table}):
        effects = {row["images"]: row["effect"] for row in result.table if row["seeds"] == seeds}
        table.add_row(f"{seeds:.0f}", *(f"{effects[images]:.4f}" if images in effects else "" for images in columns))
    Console().print(table)
    if wanted is not None and result.cheapest is None:
        say(f"no number of seeds up to 100 would show {wanted} AP")
    elif result.cheapest is not None:
        best = result.cheapest
        say(f"for {wanted} AP: {best['seeds']:.0f} seeds and {best['images']:.0f} images, the cheapest such study")


def fail(error: UserError) -> None:
    """What the user sees of a mistake: the message, and nothing of Python."""
    print(f"error: {error}", file=sys.stderr, flush=True)
    raise SystemExit(2)
