"""What more seeds or more images would buy, from the variances that the runs at hand show.

`shared`: the image variance of a difference, common to all seeds of a variant (the module suits some images). `run`:
the image variance of each run alone. `seeds`: of training, on any images. With k seeds a variant, k_0 of the baseline
and V images (or groups of images), relative to the V_0 at hand,

    SE²(k, V) = shared V_0 / V  +  (seeds + run V_0 / V) (1/k + baseline/k_0)

with `baseline` 1, or the ratio of its variance to the pool's where it is judged by its own, and Satterthwaite's degrees
of freedom. The effect is the true difference that is shown in 8 of 10 such studies.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.optimize import brentq

from pipeline.common.errors import UserError
from pipeline.evaluation.contrasts import Contrasts
from pipeline.evaluation.dunnett import critical_value
from pipeline.evaluation.judging import detectable
from pipeline.evaluation.settings import Pairing, Settings

SEEDS = (3, 4, 5, 6, 8, 10, 15, 20)
IMAGE_FACTORS = (1, 2, 4, 10)
MOST_SEEDS, MOST_FACTOR = 100, 1000.0


@dataclass(frozen=True)
class PowerBasis:
    """Variances (AP²) at `images` images, which are `units` units of a resample; `shared` is that of a difference.

    `extra` is how many seeds the baseline has beyond those of a variant, `baseline` the ratio of its variance between
    seeds to the pool's: 1 where it is judged by the pool.
    """

    variants: int  # m
    images: int  # V_0
    units: int
    shared: float
    run: float
    seeds: float
    alpha: float
    pairing: Pairing
    extra: int = 0
    baseline: float = 1.0


@dataclass(frozen=True)
class Needed:
    """What alone would show a wanted effect: seeds of each variant at the images at hand, or images at the seeds at
    hand.

    None where no number up to 100 seeds, or a thousand times the images, would.
    """

    wanted: float
    seeds: int | None
    more_runs: int | None
    images: int | None


@dataclass(frozen=True)
class PowerPlan:
    """`table` as in comparison.json; `cheapest` is the row that shows the wanted effect at the lowest price."""

    table: tuple[dict[str, float], ...]
    cheapest: dict[str, float] | None


def power_basis(found: Contrasts, images: int, units: int, settings: Settings, alpha: float) -> PowerBasis:
    """The three variances; needs two seeds. `alpha` is the nominal level of the (last) look."""
    assert found.spread is not None
    variants = range(1, len(found.means))
    pooled = found.spread.pooled.value
    run = min(found.parts.run, pooled)
    return PowerBasis(
        variants=len(variants),
        images=images,
        units=units,
        shared=float(np.mean([found.parts.shared(g, 0) for g in found.alike(variants) or variants])),
        run=run,
        seeds=pooled - run,
        alpha=alpha,
        pairing=settings.pairing,
        extra=found.runs[0] - max(found.runs[1:]),
        baseline=found.spread.groups[0].value / pooled if pooled > 0 else 1.0,
    )


def effect(basis: PowerBasis, seeds: int, images: float) -> float:
    """The true difference (AP) that a study of `seeds` seeds and `images` images shows with a power of 80 %."""
    share = basis.images / images
    shared, of_run = basis.shared * share, basis.seeds + basis.run * share
    ours, theirs = of_run / seeds, of_run * basis.baseline / (seeds + basis.extra)
    variance = shared + ours + theirs
    if variance <= 0:
        return 0.0
    blocks = basis.pairing == "seeds"  # in which what a seed does to all is estimated too
    if basis.baseline == 1:
        extra = 0 if blocks else basis.extra
        of_seeds = (ours + theirs) ** 2 / ((basis.variants + 1 - blocks) * (seeds - 1) + extra)
    else:
        of_seeds = ours**2 / ((basis.variants - blocks) * (seeds - 1)) + theirs**2 / (seeds + basis.extra - 1)
    freedom = variance**2 / (shared**2 / max(basis.units / share - 1, 1) + of_seeds)
    rho = (shared / 2 + theirs) / variance
    return _detectable(basis.variants, basis.alpha, round(rho, 2), freedom) * math.sqrt(variance)


def power_table(
    basis: PowerBasis, seeds: Sequence[int] = SEEDS, images: Sequence[int] | None = None
) -> tuple[dict[str, float], ...]:
    """Rows {seeds, images, effect}; by default from the images at hand to ten times as many."""
    images = images or [basis.images * factor for factor in IMAGE_FACTORS]
    return tuple({"seeds": k, "images": v, "effect": effect(basis, k, v)} for k in seeds for v in images)


def needed(basis: PowerBasis, wanted: float, seeds: int) -> Needed:
    """What alone would show `wanted` AP in 8 of 10 studies, from a study of `seeds` seeds."""
    enough = next((k for k in range(seeds, MOST_SEEDS + 1) if effect(basis, k, basis.images) <= wanted), None)
    runs = None if enough is None else (enough - seeds) * (basis.variants + 1)
    return Needed(wanted, enough, runs, _images_for(basis, wanted, seeds))


def plan_power(
    basis: PowerBasis | None,
    wanted: float | None = None,
    seeds: Sequence[int] = SEEDS,
    images: Sequence[int] | None = None,
    image_price: float = 0.01,
) -> PowerPlan:
    """Behind `python -m pipeline power`: from the variances of a comparison, a table and the cheapest
    way to show `wanted` AP.

    Prices are in trained cells: (m + 1) k of them, and `image_price` for every labelled image beyond those at hand.
    `cheapest` is None where no effect is asked for or none of up to 100 seeds shows it. Raises UserError where the
    runs at hand cannot tell: the variance between seeds takes two seeds.
    """
    if basis is None:
        raise UserError(
            "power: these runs do not show the variance between seeds, so nothing can be planned from them; "
            "train at least two seeds of every variant"
        )
    return PowerPlan(power_table(basis, seeds, images), _cheapest(basis, wanted, image_price) if wanted else None)


def _cheapest(basis: PowerBasis, wanted: float, image_price: float) -> dict[str, float] | None:
    """The least price over k from 3 to 100, each with as many images as it needs and at least those at hand."""
    plans = []
    for k in range(3, MOST_SEEDS + 1):
        images = _images_for(basis, wanted, k)
        if images is None:
            continue
        price = (basis.variants + 1) * k + basis.extra + image_price * (images - basis.images)
        plans.append({"seeds": k, "images": images, "effect": effect(basis, k, images), "price": price})
    return min(plans, key=lambda plan: plan["price"], default=None)


def _images_for(basis: PowerBasis, wanted: float, seeds: int) -> int | None:
    """The fewest images, at least those at hand, with which `seeds` seeds show `wanted`."""
    most = basis.images * MOST_FACTOR
    if effect(basis, seeds, basis.images) <= wanted:
        return basis.images
    if effect(basis, seeds, most) > wanted:
        return None
    images = math.ceil(brentq(lambda v: effect(basis, seeds, v) - wanted, basis.images, most, xtol=0.5))
    return images if effect(basis, seeds, images) <= wanted else images + 1


def _detectable(comparisons: int, alpha: float, rho: float, freedom: float) -> float:
    """In SE, by interpolation in 1 / degrees of freedom: exact to about 1e-3."""
    inverse, value = _detectables(comparisons, alpha, rho)
    return float(np.interp(1 / freedom, inverse, value))


@cache
def _detectables(comparisons: int, alpha: float, rho: float) -> tuple[list[float], list[float]]:
    freedoms = [np.inf, 1000, 300, 150, 100, 70, 50, 40, 30, 25, 20, 17, 14, 12, 10, 8, 7, 6, 5, 4.5, 4, 3.5, 3, 2.5, 2]
    freedoms += [1.75, 1.5, 1.25, 1]
    return [1 / f for f in freedoms], [detectable(critical_value(comparisons, f, alpha, rho), f) for f in freedoms]
