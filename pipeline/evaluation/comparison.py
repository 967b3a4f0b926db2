"""The comparison of variants with one baseline, and what it may claim. Schema: docs/evidence.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pipeline.evaluation.descriptive import Descriptive
from pipeline.evaluation.further import Further
from pipeline.evaluation.noise import NoiseFloor
from pipeline.evaluation.outcomes import Outcome
from pipeline.evaluation.planning import Needed, PowerBasis
from pipeline.evaluation.settings import Claim, Pairing
from pipeline.evaluation.verdicts import Verdict
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
    degrees_of_freedom: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    p_adjusted: float | None = None
    p_improve: tuple[float, int] | None = None  # pairs of runs that improve (a tie is half), all pairs
    p_chance: float | None = None  # that the best of m useless variants improves in as many
    p_region: tuple[float, float, float] | None = None  # true difference above, within, below the region
    verdict: Verdict | None = None
    small: bool = False  # better or worse, but by less than matters
    exaggeration: float | None = None
    decided_at: int | None = None  # seeds of the look that decided it, or the last one held
    decision: str | None = None
    seed_deltas: tuple[float, ...] = ()
    rank: tuple[float, ...] = ()
    sentence: str = ""


@dataclass(frozen=True)
class Look:
    """A look that was held: what it decided of each variant that was open."""

    seeds: int
    alpha: float
    decisions: dict[str, str]


@dataclass(frozen=True)
class HalfOfIt:
    """What becomes of a true difference of half of `minimum_detectable`."""

    shown: float  # share of such studies that show it
    overstated: float  # times its size, on average, where they do


class Comparison(Record):
    """comparison.json: m variants against one baseline, k seeds, V images, and the settings they were compared with."""

    MADE_BY: ClassVar[str] = "`dvc repro evaluate`"

    primary: str
    resamples: int
    resample_seed: int
    equivalence: float
    alpha: float  # of the whole family; the looks, and looking again, leave less to each
    pairing: Pairing
    baseline: str
    split: str
    seeds: tuple[int, ...]
    k: int
    baseline_seeds: int = 0
    images: int
    units: int = 0  # images, or groups of images, that resamples draw
    grouped: bool = False
    frames: bool = False  # not grouped, and file names look like frames of videos
    claim: Claim
    refusals: tuple[Outcome, ...]
    seed_sd: float | None
    degrees_of_freedom: float | None
    critical_value: float | None
    least_observed: float | None = None  # an observed difference below it could not count
    minimum_detectable: float | None  # a true difference of this size is shown in 8 of 10 such studies
    half_of_it: HalfOfIt | None = None
    needed: Needed | None = None
    variants: dict[str, VariantComparison]
    declared_looks: tuple[int, ...] = ()
    wanted: float | None = None
    looks: tuple[Look, ...] = ()
    further: tuple[Further, ...] = ()
    descriptive: dict[str, Descriptive]
    power: tuple[dict[str, float], ...]
    power_basis: PowerBasis | None
    noise_floor: NoiseFloor | None
