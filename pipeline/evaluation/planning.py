"""What more seeds or more images would buy, from the variances that the runs at hand show.

Three variances make up that of a difference. `shared`: of the images, common to all seeds of a variant (the module
suits some images). `run`: of the images, each run's own. `seeds`: of training, on any images. With k seeds and V
images, relative to the V_0 at hand,

    Var(k, V) = (shared + 2 run / k) V_0 / V  +  2 (seeds + run V_0 / V) / k

where the second term is what the pooled variance between seeds will estimate. The effect is c sqrt(Var) with c of
that k: as `minimum_detectable`, an effect of this size is shown half of the time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.common.errors import UserError
from pipeline.evaluation.boxes import Floats
from pipeline.evaluation.contrasts import Contrasts
from pipeline.evaluation.dunnett import critical_value
from pipeline.evaluation.settings import Pairing, Settings

SEEDS = (3, 4, 5, 6, 8, 10, 15, 20)
IMAGE_FACTORS = (1, 2, 4, 10)


@dataclass(frozen=True)
class PowerBasis:
    """Variances (AP²) at `images` images, of one run against one run."""

    variants: int  # m
    images: int  # V_0
    shared: float
    run: float
    seeds: float
    alpha: float
    pairing: Pairing


@dataclass(frozen=True)
class PowerPlan:
    """`table` as in comparison.json; `cheapest` is the row that shows the wanted effect at the lowest price."""

    table: tuple[dict[str, float], ...]
    cheapest: dict[str, float] | None


def power_basis(drawn: Floats, contrast: Contrasts, images: int, settings: Settings) -> PowerBasis:
    """The three variances from the resamples (m + 1, k, B) of runs on `images` images; needs k of 2 or more."""
    groups, seeds, _ = drawn.shape
    defined = drawn[:, :, ~np.isnan(drawn).any(axis=(0, 1))]
    one_run = (defined[1:, :, None] - defined[0][None, None, :]).var(axis=-1, ddof=1).mean()
    seed_mean = float((contrast.se_images**2).mean())
    assert contrast.seed_sd is not None
    # Capped by what they are part of, so that the table agrees with `minimum_detectable` at the k and V at hand.
    run = max((float(one_run) - seed_mean) * seeds / (seeds - 1) / 2, 0.0)
    run = min(run, contrast.seed_sd**2, seed_mean * seeds / 2)
    return PowerBasis(
        variants=groups - 1,
        images=images,
        shared=seed_mean - 2 * run / seeds,
        run=run,
        seeds=contrast.seed_sd**2 - run,
        alpha=settings.alpha,
        pairing=settings.pairing,
    )


def effect(basis: PowerBasis, seeds: int, images: int) -> float:
    """The minimum detectable effect (AP) of a study with `seeds` seeds and `images` images."""
    seed_part, image_part = _parts(basis, seeds)
    return _critical(basis, seeds) * math.sqrt(seed_part + image_part * basis.images / images)


def power_table(
    basis: PowerBasis, seeds: Sequence[int] = SEEDS, images: Sequence[int] | None = None
) -> tuple[dict[str, float], ...]:
    """Rows {seeds, images, effect}; by default from the images at hand to ten times as many."""
    images = images or [basis.images * factor for factor in IMAGE_FACTORS]
    return tuple({"seeds": k, "images": v, "effect": effect(basis, k, v)} for k in seeds for v in images)


def plan_power(
    basis: PowerBasis | None,
    wanted: float | None = None,
    seeds: Sequence[int] = SEEDS,
    images: Sequence[int] | None = None,
    image_price: float = 0.01,
) -> PowerPlan:
    """Behind `python -m pipeline power`: from the variances of a comparison, a table
    and the cheapest way to show `wanted` AP.

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
    for k in range(3, 101):
        seed_part, image_part = _parts(basis, k)
        room = (wanted / _critical(basis, k)) ** 2 - seed_part
        if room <= 0:
            continue
        images = max(basis.images, math.ceil(basis.images * image_part / room))
        price = (basis.variants + 1) * k + image_price * (images - basis.images)
        plans.append({"seeds": k, "images": images, "effect": effect(basis, k, images), "price": price})
    return min(plans, key=lambda plan: plan["price"], default=None)


def _parts(basis: PowerBasis, seeds: int) -> tuple[float, float]:
    """What does not depend on the number of images, and what falls with it."""
    return 2 * basis.seeds / seeds, basis.shared + 4 * basis.run / seeds


def _critical(basis: PowerBasis, seeds: int) -> float:
    groups = basis.variants + (basis.pairing == "none")
    return critical_value(basis.variants, groups * (seeds - 1), basis.alpha)
