"""The view model: everything a report shows, worked out before any template is read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

from pipeline.records import Card
from pipeline.report import costs, examples, judgements, plots, records, sweeps, tables, verdict
from pipeline.report.blocks import Alert, Figure, Table
from pipeline.report.headline import brief, headline
from pipeline.report.methods import Method, methods
from pipeline.report.standing import standing, stands
from pipeline.report.text import Markdown
from pipeline.report.words import count, number, percent
from pipeline.results.read import Evidence


@dataclass(frozen=True)
class Report:
    """The sixteen sections in their order; None and empty lists are what the evaluation does not hold."""

    study: str
    demo: bool
    primary: str
    baseline: str
    claim: str
    level: str
    region: str
    resamples: str
    alerts: Sequence[Alert]
    remarks: Sequence[Alert]
    verdict: Sequence[Markdown]
    settings: Table
    headline: Table
    brief: Table
    between: str
    cost_note: Markdown
    costs: Table
    cost_facts: Sequence[Markdown]
    forest: Figure | None
    sweeps: Sequence[Figure]
    regions: Table | None
    looks: Table | None
    saved: Markdown
    further: Table | None
    tradeoff: Figure | None
    secondary: Table
    classes: Sequence[Figure]
    descriptive: Table | None
    standing: Markdown
    learning: Figure | None
    validation: Figure | None
    errors: Figure | None
    precision_recall: Figure | None
    examples: Sequence[Figure]
    example_score: str
    card: Card
    preview: Figure | None
    splits: Table
    counts: Table
    methods: Sequence[Method]
    article: Table | None
    article_ap: Table | None
    article_sentence: str
    threats: Sequence[Markdown]
    reproduce: Table
    command: str
    params: str
    runs: Table
    unfinished: Table | None
    cells: int
    coco_lines: Mapping[str, str]

    def figures(self) -> Iterator[Figure]:
        """Every figure, in the order of the sections."""
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Figure):
                yield value
            elif isinstance(value, list):
                yield from (item for item in value if isinstance(item, Figure))


def build(evidence: Evidence) -> Report:
    """Numbers to view model; reads nothing, draws nothing."""
    comparison, study = evidence.comparison, evidence.study
    article = study.article
    short, between = brief(evidence)
    return Report(
        study=study.study,
        demo=study.demo,
        primary=comparison.primary,
        baseline=evidence.baseline,
        claim=comparison.claim,
        level=percent(1 - comparison.alpha),
        region=number(comparison.equivalence),
        resamples=count(comparison.resamples),
        alerts=[*standing(evidence), *verdict.alerts(evidence)],
        remarks=verdict.remarks(evidence),
        verdict=verdict.verdict(evidence),
        settings=records.settings(evidence),
        headline=headline(evidence),
        brief=short,
        between=between,
        cost_note=costs.measured(evidence),
        costs=costs.costs(evidence),
        cost_facts=costs.explained(evidence),
        forest=plots.forest(evidence),
        sweeps=sweeps.figures(evidence),
        regions=judgements.regions(evidence),
        looks=judgements.looks(evidence),
        saved=verdict.saved(evidence),
        further=judgements.further(evidence),
        tradeoff=plots.tradeoff(evidence),
        secondary=tables.secondary(evidence),
        classes=plots.classes(evidence),
        descriptive=tables.descriptive(evidence),
        standing=stands(evidence),
        learning=plots.learning(evidence, "loss", "Training loss", "learning"),
        validation=plots.learning(evidence, "val/AP", "AP on the validation images", "validation"),
        errors=plots.errors(evidence),
        precision_recall=plots.precision_recall(evidence),
        examples=examples.figures(evidence),
        example_score=number(evidence.examples[0].score_threshold, 1) if evidence.examples else "",
        card=evidence.card,
        preview=records.preview(evidence),
        splits=records.splits(evidence),
        counts=records.counts(evidence),
        methods=methods(evidence),
        article=tables.article(evidence, article) if article else None,
        article_ap=tables.article(evidence, article, only="AP") if article else None,
        article_sentence=article.sentence if article else "",
        threats=verdict.threats(evidence),
        reproduce=records.reproduce(evidence),
        command=study.command,
        params=json.dumps(study.params, indent=2, ensure_ascii=False),
        runs=records.runs(evidence),
        unfinished=records.unfinished(evidence),
        cells=len(evidence.cells),
        coco_lines=tables.coco_lines(evidence),
    )
