"""From measured runs to a comparison: who is compared, what is claimed, and what is to be told besides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from pipeline.evaluation import outcomes
from pipeline.evaluation.boxes import GroundTruth
from pipeline.evaluation.comparison import PRIMARY, Comparison, HalfOfIt, Look, VariantComparison
from pipeline.evaluation.contrasts import Sample, chance_of_pairs, improving_pairs, rank_distribution
from pipeline.evaluation.descriptive import Descriptive, describe, secondary
from pipeline.evaluation.further import further
from pipeline.evaluation.judging import Judged, detectable, overstated, power
from pipeline.evaluation.looks import Held, follow, nominal_levels
from pipeline.evaluation.noise import NoiseFloor
from pipeline.evaluation.outcomes import Outcome
from pipeline.evaluation.planning import effect, needed, power_basis, power_table
from pipeline.evaluation.runs import Cell, Measured, sample, values
from pipeline.evaluation.settings import Claim, Settings
from pipeline.evaluation.spread import LARGE_RATIO, far_seeds
from pipeline.evaluation.units import FEW, TOO_FEW, Units, look_like_frames
from pipeline.evaluation.verdicts import sentence


@dataclass(frozen=True)
class Design:
    """What the study asked for, and what its configs and checkpoints say.

    `extra` are seeds of the baseline alone. `refusals` are those that configs and checkpoints give. `copies` are runs
    that equal another of their variant. `looked`: the numbers of seeds at which the study was judged without having
    declared it, this time included.
    """

    variants: Sequence[str]
    baseline: str
    seeds: Sequence[int]
    extra: Sequence[int] = ()
    split: str = "val"
    refusals: Sequence[Outcome] = ()
    copies: Mapping[Cell, Cell] = field(default_factory=dict)
    looked: Sequence[int] = ()
    noise_floor: NoiseFloor | None = None

    @property
    def names(self) -> list[str]:
        """Baseline first."""
        return [self.baseline, *(v for v in self.variants if v != self.baseline)]


@dataclass(frozen=True)
class Compared:
    """Who is compared, with which seeds, and how far it may be claimed."""

    family: list[str]  # the baseline, and the variants that have all runs of the (first) look
    seeds: list[int]
    extra: list[int]
    claim: Claim
    settings: Settings
    outcomes: list[Outcome]

    @property
    def columns(self) -> list[int]:
        return [*self.seeds, *self.extra]


def assemble(
    gt: GroundTruth, units: Units, measured: Mapping[Cell, Measured], design: Design, settings: Settings
) -> Comparison:
    """What the measured runs say, all outcomes included."""
    points = values(measured, design.variants, PRIMARY)
    compared = _compared(points, units, design, settings)
    settings, family, columns = compared.settings, compared.family, compared.columns
    table = {v: _listed(points[v]) for v in design.names}
    found, held = list(compared.outcomes), list[Held]()
    if compared.claim != "refused":
        runs = sample(measured, family, columns, PRIMARY, units.count, settings.pairing)
        m = len(design.names) - 1 if settings.looks else len(family) - 1
        held = follow(runs, settings.looks, m, settings.alpha, settings.equivalence, settings.wanted)
        table |= _judged(runs, held, compared, table)
        found += _about_seeds(runs, held[-1], compared)
    described = describe(gt, units, measured, design.names, family if held else [], columns, settings, compared.claim)
    found += _about_the_rest(described, table, compared)
    return Comparison(
        primary=PRIMARY,
        resamples=settings.resamples,
        resample_seed=settings.seed,
        equivalence=settings.equivalence,
        alpha=settings.alpha,
        pairing=settings.pairing,
        declared_looks=settings.looks,
        wanted=settings.wanted,
        baseline=design.baseline,
        split=design.split,
        seeds=tuple(design.seeds),
        k=max((len(points[v]) for v in family[1:]), default=0) if settings.looks else len(compared.seeds),
        baseline_seeds=len(points[design.baseline]),
        images=len(gt.image_ids),
        units=units.count,
        grouped=units.grouped,
        frames=not units.grouped and look_like_frames(str(row.get("file_name", "")) for row in gt.images.values()),
        claim=compared.claim,
        refusals=tuple(found),
        variants=table,
        looks=_looks(held, family) if settings.looks else (),
        further=tuple(further(held[-1].found, family, settings.contrasts, settings.alpha))
        if held and compared.claim == "full"
        else (),
        descriptive=described,
        noise_floor=design.noise_floor,
        **_strength(held, len(gt.image_ids), units, settings, len(compared.seeds)),
    )


def _compared(points: Mapping[str, Mapping[int, float]], units: Units, design: Design, settings: Settings) -> Compared:
    baseline, copies = design.baseline, design.copies
    seeds = [s for s in design.seeds if not any((v, s) in copies for v in design.variants)]
    # A run of the baseline without a partner says nothing in a paired comparison.
    extra = [s for s in design.extra if (baseline, s) not in copies and settings.pairing == "none"]
    extra = [s for s in extra if s in points[baseline]]
    first = settings.looks[0] if settings.looks else len(seeds)
    missing = {v: absent for v in design.variants if (absent := [s for s in seeds[:first] if s not in points[v]])}
    family = [v for v in design.names if v == baseline or v not in missing]
    found = list(design.refusals)
    if copies:
        found.append(outcomes.copied_seeds(copies, len(seeds)))
    if missing:
        found.append(outcomes.missing_seeds(missing, baseline))
    if units.count < FEW:
        found.append(outcomes.few_units(units.count, units.grouped))
    claim: Claim = "one_seed" if first == 1 else "two_seeds" if first == 2 else "full"
    differs = any(outcome.kind == "config_differs" for outcome in found)
    if differs or baseline in missing or len(family) < 2 or (claim == "full" and units.count < TOO_FEW):
        claim = "refused"
    if claim == "full" and len(design.looked) > 1:
        found.append(outcomes.looked_again(design.looked))
        settings = replace(settings, alpha=settings.alpha / len(design.looked))
    return Compared(family, seeds, extra, claim, settings, found)


def _listed(runs: Mapping[int, float]) -> VariantComparison:
    """What may always be said of a variant: its runs, and their mean and SD with their number."""
    ap = list(runs.values())
    return VariantComparison(
        runs={str(seed): value for seed, value in runs.items()},
        mean=float(np.mean(ap)) if ap else None,
        sd=float(np.std(ap, ddof=1)) if len(ap) > 1 else None,
        n=len(ap),
        verdict="not_claimed",
    )


def _judged(
    runs: Sample, held: Sequence[Held], compared: Compared, table: Mapping[str, VariantComparison]
) -> dict[str, VariantComparison]:
    """Each variant as the last look judged it at which it was open."""
    family, full = compared.family, compared.claim == "full"
    ranks = rank_distribution(runs, held[-1].found, compared.settings.seed).tolist()
    rows = {family[0]: replace(table[family[0]], delta=0.0, verdict=None, rank=tuple(ranks[0]))}
    for look in held:
        at = runs.first(look.seeds) if compared.settings.looks else runs
        for g, judged in look.judged.items():
            row = _row(table[family[g]], judged, full, at, g, len(family) - 1)
            row = replace(row, rank=tuple(ranks[g]), decided_at=look.seeds, decision=look.decisions[g])
            rows[family[g]] = replace(row, sentence=sentence(family[g], vars(row)))
    return rows


def _row(listed: VariantComparison, judged: Judged, full: bool, at: Sample, g: int, m: int) -> VariantComparison:
    difference = judged.difference
    wins, pairs = improving_pairs(at.points[0], at.points[g])
    deltas = at.points[g] - at.points[0]
    measured = np.isfinite(difference.degrees_of_freedom)
    return replace(
        listed,
        delta=difference.delta,
        se_images=difference.se_images,
        se=difference.se,
        degrees_of_freedom=difference.degrees_of_freedom if measured else None,
        ci_low=judged.ci_low,
        ci_high=judged.ci_high,
        p_adjusted=judged.p_adjusted if full else None,
        p_improve=(wins, pairs),
        p_chance=chance_of_pairs(wins, at.runs[0], at.runs[g], m) if full else None,
        p_region=judged.p_region if full else None,
        verdict=judged.verdict if full else "not_claimed",
        small=judged.small and full,
        exaggeration=judged.exaggeration if full else None,
        seed_deltas=tuple(deltas[~np.isnan(deltas)].tolist()),
    )


def _looks(held: Sequence[Held], family: Sequence[str]) -> tuple[Look, ...]:
    return tuple(Look(look.seeds, look.alpha, {family[g]: d for g, d in look.decisions.items()}) for look in held)


def _strength(held: Sequence[Held], images: int, units: Units, settings: Settings, seeds: int) -> dict[str, Any]:
    """The fields that say what the study could show; None where the spread between seeds was not measured."""
    strength: dict[str, Any] = dict.fromkeys(
        (
            "seed_sd",
            "degrees_of_freedom",
            "critical_value",
            "least_observed",
            "minimum_detectable",
            "half_of_it",
            "needed",
        )
    )
    strength |= {"power": (), "power_basis": None}
    last = held[-1] if held else None
    if last is None:
        return strength
    if last.family:
        strength |= {"critical_value": last.family.critical}
    regular = last.found.regular(list(last.judged))
    if last.found.spread is None or last.family is None or regular is None:
        return strength
    m, size, alpha = last.family.comparisons, seeds, last.alpha
    if settings.looks:
        size, alpha = settings.looks[-1], nominal_levels(settings.looks, m, settings.alpha)[-1]
    basis = power_basis(last.found, images, units.count, settings, alpha)
    critical, freedom = last.family.critical, last.family.degrees_of_freedom
    shown = detectable(critical, freedom) if regular.se > 0 else 0.0
    smallest = effect(basis, size, images) if settings.looks else regular.se * shown
    return strength | {
        "seed_sd": float(np.sqrt(last.found.spread.pooled.value)),
        "degrees_of_freedom": freedom if np.isfinite(freedom) else None,
        "least_observed": critical * regular.se,
        "minimum_detectable": smallest,
        "half_of_it": HalfOfIt(power(shown / 2, critical, freedom), overstated(shown / 2, critical)) if shown else None,
        "needed": needed(basis, settings.wanted or smallest / 2, size) if smallest > 0 else None,
        "power": power_table(basis),
        "power_basis": basis,
    }


def _about_seeds(runs: Sample, last: Held, compared: Compared) -> list[Outcome]:
    """What is to be told of the runs' number and spread."""
    family, columns, spread = compared.family, compared.columns, last.found.spread
    if compared.claim == "one_seed" or spread is None:
        return [outcomes.one_seed(compared.seeds[0])]
    found = []
    if compared.claim == "two_seeds":
        found.append(outcomes.two_seeds(compared.seeds, float(np.sqrt(spread.pooled.value))))
    how = dict.fromkeys(spread.wide, "judged by its own") | dict.fromkeys(spread.narrow, "judged by the others'")
    if spread.ratios[0] > LARGE_RATIO:
        how.setdefault(0, "with too few seeds to be sure, so all intervals may be too narrow")
    unequal = {family[g]: (float(np.sqrt(spread.ratios[g])), judged) for g, judged in how.items()}
    if unequal:
        found.append(outcomes.unequal_spread(unequal))
    far = far_seeds(runs.points, compared.settings.pairing)
    if far:
        ap = runs.points
        rows = [(family[g], columns[s], float(ap[g, s]), float(np.nanmean(np.delete(ap[g], s)))) for g, s in far]
        found.append(outcomes.seed_diverged(rows))
    return found


def _about_the_rest(
    described: Mapping[str, Descriptive], table: Mapping[str, VariantComparison], compared: Compared
) -> list[Outcome]:
    """What is to be told of the descriptive metrics."""
    found = []
    few = {metric: row for metric, row in described.items() if row.too_few}
    if few:
        boxes, units = {m: row.boxes for m, row in few.items()}, {m: row.units for m, row in few.items()}
        found.append(outcomes.too_few_boxes(boxes, units))
    if compared.claim != "full":
        return found
    alpha = compared.settings.alpha
    wins = {v: m for v, m in secondary(described, alpha, 1).items() if table[v].verdict != "better"}
    harm = {v: m for v, m in secondary(described, alpha, -1).items() if table[v].verdict != "worse"}
    found += [outcomes.secondary_only(wins)] if wins else []
    found += [outcomes.secondary_harm(harm)] if harm else []
    return found
