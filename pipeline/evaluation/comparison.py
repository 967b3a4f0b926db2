"""The comparison of variants with one baseline, and what it may claim. Schema: docs/evidence.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pipeline.evaluation import outcomes
from pipeline.evaluation.boxes import Floats, GroundTruth
from pipeline.evaluation.contrasts import Contrasts, contrasts, improving_pairs, rank_distribution
from pipeline.evaluation.descriptive import Descriptive, describe, secondary_wins
from pipeline.evaluation.dunnett import adjusted_p, critical_value
from pipeline.evaluation.noise import NoiseFloor
from pipeline.evaluation.outcomes import Outcome
from pipeline.evaluation.planning import PowerBasis, power_basis, power_table
from pipeline.evaluation.runs import Cell, Measured, values
from pipeline.evaluation.settings import Claim, Pairing, Settings
from pipeline.evaluation.verdicts import Verdict, sentence, verdict
from pipeline.records.base import Record

PRIMARY = "AP"


@dataclass(frozen=True)
class VariantComparison:
    """One variant against the baseline in AP. None where the runs do not allow a number."""

    runs: dict[str, float]  # seed -> AP
    mean: float | None
    sd: float | None
    n: int
    delta: float | None = None
    se_images: float | None = None
    se: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    p_adjusted: float | None = None
    p_improve: tuple[int, int] | None = None
    verdict: Verdict | None = None
    seed_deltas: tuple[float, ...] = ()
    rank: tuple[float, ...] = ()
    sentence: str = ""


class Comparison(Record):
    """comparison.json: m variants against one baseline, k seeds, V images, and the settings they were compared with."""

    MADE_BY: ClassVar[str] = "`dvc repro evaluate`"

    primary: str
    resamples: int
    resample_seed: int
    equivalence: float
    alpha: float
    pairing: Pairing
    baseline: str
    split: str
    seeds: tuple[int, ...]
    k: int
    images: int
    claim: Claim
    refusals: tuple[Outcome, ...]
    seed_sd: float | None
    degrees_of_freedom: int | None
    critical_value: float | None
    minimum_detectable: float | None
    variants: dict[str, VariantComparison]
    descriptive: dict[str, Descriptive]
    power: tuple[dict[str, float], ...]
    power_basis: PowerBasis | None
    noise_floor: NoiseFloor | None


def assemble(
    gt: GroundTruth,
    measured: Mapping[Cell, Measured],
    *,
    variants: Sequence[str],
    baseline: str,
    seeds: Sequence[int],
    settings: Settings,
    split: str = "val",
    refusals: Sequence[Outcome] = (),
    noise_floor: NoiseFloor | None = None,
) -> Comparison:
    """What the measured runs say. `refusals` are those the configs and the checkpoints give; the rest is found here."""
    points = values(measured, variants, PRIMARY)
    found = list(refusals)
    missing = {v: absent for v in variants if (absent := [s for s in seeds if s not in points[v]])}
    if missing:
        found.append(outcomes.missing_seeds(missing, baseline))
    family = [baseline, *(v for v in variants if v != baseline and v not in missing)]
    table = {v: _listed(points[v]) for v in variants}
    claim = _claim(found, baseline in missing or len(family) < 2, len(seeds))
    contrast, critical, basis = None, None, None
    if claim != "refused":
        at = np.array([[points[v][s] for s in seeds] for v in family])
        drawn = np.array([[measured[v, s].resampled[PRIMARY] for s in seeds] for v in family])
        contrast = contrasts(at, drawn, settings.pairing)
        critical = critical_value(len(family) - 1, contrast.degrees_of_freedom or np.inf, settings.alpha)
        compared = _compared(at, drawn, contrast, critical, claim, settings)
        table |= {v: _with(table[v], row, v) for v, row in zip(family, compared, strict=True)}
        basis = power_basis(drawn, contrast, len(gt.image_ids), settings) if len(seeds) > 1 else None
        found += _about_seeds(claim, seeds, contrast)
    descriptive = describe(gt, measured, variants, family if claim != "refused" else [], seeds, settings, claim)
    few = {metric: row.boxes for metric, row in descriptive.items() if row.too_few}
    if few:
        found.append(outcomes.too_few_boxes(few))
    better = {v for v, row in table.items() if row.verdict == "better"}
    wins = {v: m for v, m in secondary_wins(descriptive, settings.alpha).items() if v not in better}
    if wins and claim == "full":
        found.append(outcomes.secondary_only(wins))
    return Comparison(
        primary=PRIMARY,
        resamples=settings.resamples,
        resample_seed=settings.seed,
        equivalence=settings.equivalence,
        alpha=settings.alpha,
        pairing=settings.pairing,
        baseline=baseline,
        split=split,
        seeds=tuple(seeds),
        k=len(seeds),
        images=len(gt.image_ids),
        claim=claim,
        refusals=tuple(found),
        seed_sd=contrast.seed_sd if contrast else None,
        degrees_of_freedom=contrast.degrees_of_freedom if contrast else None,
        critical_value=critical,
        minimum_detectable=_minimum_detectable(contrast, critical),
        variants={v: table[v] for v in [baseline, *(v for v in variants if v != baseline)]},
        descriptive=descriptive,
        power=power_table(basis) if basis else (),
        power_basis=basis,
        noise_floor=noise_floor,
    )


def _claim(found: Sequence[Outcome], nothing_to_compare: bool, k: int) -> Claim:
    if nothing_to_compare or any(outcome.kind == "config_differs" for outcome in found):
        return "refused"
    return "one_seed" if k == 1 else "two_seeds" if k == 2 else "full"


def _about_seeds(claim: Claim, seeds: Sequence[int], contrast: Contrasts) -> list[Outcome]:
    if claim == "one_seed":
        return [outcomes.one_seed(seeds[0])]
    if claim == "two_seeds" and contrast.seed_sd is not None:
        return [outcomes.two_seeds(seeds, contrast.seed_sd)]
    return []


def _minimum_detectable(contrast: Contrasts | None, critical: float | None) -> float | None:
    """c times the root mean square of the standard errors: an effect of this size is shown half of the time."""
    if contrast is None or critical is None or contrast.seed_sd is None:
        return None
    return float(critical * np.sqrt((contrast.se**2).mean()))


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


def _compared(
    at: Floats, drawn: Floats, contrast: Contrasts, critical: float, claim: Claim, settings: Settings
) -> list[dict[str, Any]]:
    """Baseline first: the fields of VariantComparison that need a comparison."""
    ranks = rank_distribution(at, drawn, settings.seed, settings.pairing).tolist()
    rows: list[dict[str, Any]] = [{"delta": 0.0, "verdict": None, "rank": tuple(ranks[0])}]
    freedom, full = contrast.degrees_of_freedom, claim == "full"
    for i, (delta, se) in enumerate(zip(contrast.delta.tolist(), contrast.se.tolist(), strict=True)):
        low, high = delta - critical * se, delta + critical * se
        rows.append(
            {
                "delta": delta,
                "se_images": float(contrast.se_images[i]),
                "se": se,
                "ci_low": low,
                "ci_high": high,
                "p_adjusted": adjusted_p(delta / se, len(contrast.delta), freedom)
                if freedom and full and se > 0
                else None,
                "p_improve": improving_pairs(at[0], at[i + 1]),
                "verdict": _judged(low, high, settings.equivalence) if full else "not_claimed",
                "seed_deltas": tuple((at[i + 1] - at[0]).tolist()),
                "rank": tuple(ranks[i + 1]),
            }
        )
    return rows


def _judged(low: float, high: float, equivalence: float) -> Verdict:
    """An interval without width comes from runs that do not vary at all, as those that find nothing do."""
    return verdict(low, high, equivalence) if high > low else "not_shown"


def _with(listed: VariantComparison, row: Mapping[str, Any], name: str) -> VariantComparison:
    fields = {**vars(listed), **row}
    return VariantComparison(**{**fields, "sentence": sentence(name, fields)})
