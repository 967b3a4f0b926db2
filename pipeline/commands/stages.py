"""The stages that dvc.yaml calls, one short function each: read, call, write.

Heavy rooms load only in the stage that needs them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.common.errors import UserError
from pipeline.common.files import replacing
from pipeline.common.paths import CellPaths, Paths
from pipeline.common.progress import say, show
from pipeline.records import Card, Cost, Manifest, Plan
from pipeline.records.results import CellResults
from pipeline.study import Study, load, load_complete
from pipeline.study.code import outside
from pipeline.study.watched import watch

if TYPE_CHECKING:
    from pipeline.detector.weights import Pretrained


def prepare(paths: Paths) -> None:
    from pipeline import dataset

    study = load_complete(paths.params)
    say(dataset.text(dataset.prepare(study.dataset, paths.coco, study.train.image_size, paths.pictures)))


def plan(paths: Paths) -> None:
    """All plans, or none: every variant is resolved, built and counted before anything is written."""
    study = load_complete(paths.params)
    manifest = Manifest.read(paths.manifest)
    weights = pretrained(study)
    plans = {name: plan_of(study, name, manifest, paths, weights) for name in study.variants}
    with replacing(paths.plans) as folder:
        for name, content in plans.items():
            content.write(folder / paths.plan(name).name)
    added = watch(paths.stages, {file for content in plans.values() for file in outside(content.code)})
    if added:
        say(f"{paths.stages}: {', '.join(added)} now among what DVC watches for the stage plan; keep that line")
    for note in plans[study.evaluation.baseline].notes:
        say(f"note: {note}")
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


def plan_of(study: Study, variant: str, manifest: Manifest, paths: Paths, weights: Pretrained | None = None) -> Plan:
    """One variant's plan. Raises UserError, prefixed by the variant, for what cannot be built, exceeds the budget of
    parameters or does not fit the weights."""
    from pipeline.detector.config.check import checked, refuse_long_warmup
    from pipeline.detector.config.notes import notes
    from pipeline.detector.cost import attention_parameters
    from pipeline.detector.published import fitted
    from pipeline.detector.trial import try_imported
    from pipeline.study.plan import make

    try:
        resolved = checked(study, variant, manifest)
        config = resolved.to_dict()
        if any(":" in insertion.name for insertion in study.variants[variant].attention):
            try_imported(config)
        refuse_over_budget(attention_parameters(config), study.detector.parameter_budget)
        refuse_long_warmup(resolved, manifest)
        planned = fitted(weights, config).planned(config) if weights else None
    except UserError as error:
        raise UserError(f"{paths.params}: variants.{variant}: {error}") from None
    return make(study, variant, config, planned, notes(study, resolved))


def refuse_over_budget(count: int, budget: int) -> None:
    if count > budget:
        raise UserError(
            f"its attention adds {count:,} parameters; detector.parameter_budget allows {budget:,} (another place, "
            "fewer stages, or a larger budget)"
        )


def cost(paths: Paths) -> None:
    from pipeline.detector.cost import measure

    study = load(paths.params)
    plans = {name: Plan.read(paths.plan(name)) for name in study.variants}
    measure(plans, next(iter(plans.values())).resources.image_size).write(paths.cost)


def evaluate(paths: Paths) -> None:
    """All numbers from the runs that are there; what may not be claimed is said."""
    from pipeline import evaluation
    from pipeline.results.cells import cell_results
    from pipeline.results.describe import contract, describe
    from pipeline.results.looked import look
    from pipeline.results.write import Findings, write

    study, manifest = load(paths.params), Manifest.read(paths.manifest)
    plans = {name: Plan.read(paths.plan(name)) for name in study.variants}
    card, costs = Card.read(paths.card), Cost.read(paths.cost)  # before anything is judged
    cells = cell_results(study, paths)
    runs = _predictions(study, cells, paths)
    again = {name: runs.pop(name) for name in study.repeats}
    truth = evaluation.read_ground_truth(paths.coco / manifest.reported.annotations)
    result = evaluation.evaluate(
        truth,
        runs,
        baseline=study.evaluation.baseline,
        expected_seeds=study.seeds_of_all_looks,
        settings=evaluation.Settings.of(study.evaluation),
        split=manifest.report_split,
        contracts={name: contract(plans[name]) for name in runs},
        repeats=again,
        progress=lambda done, total: show("resampling", done, total),
        groups=evaluation.image_groups(truth),
        extra_seeds=study.extra_seeds,
        checkpoints={(c.variant, c.seed): c.run.checkpoint_sha256 for c in cells.cells if c.run},
        looked=look(study, plans, cells, manifest, paths),
    )
    facts = describe(study, plans, cells, manifest, paths)
    write(Findings(result, cells, facts, card, costs), manifest, paths)
    for refusal in result.comparison.refusals:
        say(f"note: {refusal.text}")


def _predictions(study: Study, cells: CellResults, paths: Paths) -> dict[str, dict[int, Path]]:
    """Variant -> seed -> file, of the cells that are done. Raises UserError for one that is not what training wrote."""
    from pipeline.cells.state import detections

    runs: dict[str, dict[int, Path]] = {name: {} for name in study.variants}
    for cell in cells.cells:
        if cell.run:
            runs[cell.variant][cell.seed] = detections(CellPaths(paths.run(cell.variant, cell.seed)), cell.run)
    return runs


def report(paths: Paths, compare: Path | None = None) -> None:
    """The report, or with `compare` another study's data/evaluation beside this one's."""
    from pipeline import report as room

    if compare is None:
        room.render(paths.evaluation, paths.reports)
        say(f"{paths.reports / 'ablation.md'} and {paths.reports / 'ablation.html'} written")
    else:
        room.compare(paths.evaluation, compare, paths.reports)


def track(paths: Paths) -> None:
    from pipeline import tracking

    receipt = tracking.sync(paths)
    receipt.write(paths.tracked)
    say(str(receipt))
