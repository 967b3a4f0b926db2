"""Two choices behind the intervals, from the laws alone: `python -m benchmarks.laws` (a minute of one core).

Nine useless variants and a baseline, three seeds each; AP of a run is normal about its group's, with variance 1 between
seeds, and images add their part. For each choice the family-wise error, and the mean half-width:

1. the level of the test whether the baseline varies more between seeds
2. the image part A: each variant's own, or the mean over variants
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.interpolate import RegularGridInterpolator
from scipy.special import fdtrc

from pipeline.evaluation.boxes import Floats
from pipeline.evaluation.dunnett import critical_value

VARIANTS, SEEDS, STUDIES = 9, 3, 12_000
POOL = VARIANTS * (SEEDS - 1)  # degrees of freedom of the variants
IMAGES = 300
LEVELS = (0.0, 0.025, 0.05, 0.1, 0.2, 1.0)


def main() -> None:
    print("| level of the baseline's test | its SD x 1 | x 1.7 | x 2 | x 3 | x 5 |\n|---|--:|--:|--:|--:|--:|")
    columns = [of_levels(factor) for factor in (1, 1.7, 2, 3, 5)]
    for row, level in enumerate(LEVELS):
        cells = " | ".join(f"{error:.3f}, {width:.2f}" for error, width in (column[row] for column in columns))
        print(f"| {level:g} | {cells} |")
    print("\n| images, their SD in a variant, in one of them | own A | mean A |\n|---|--:|--:|")
    for images in (20, 60, 300):
        for sd in (0.4, 1, 3):
            for factor in (1, 3):
                own, mean = of_parts(images, sd, factor)
                print(f"| {images}, {sd:g}, x {factor} | {own:.3f} | {mean:.3f} |")


def of_levels(factor: float, shared: float = 0.28) -> list[tuple[float, float]]:
    """(error, half-width as a multiple of the pool's) for each level; the baseline's SD is `factor` times the others',
    `shared` is A."""
    rng = np.random.default_rng(0)
    of_baseline = factor**2 * rng.chisquare(SEEDS - 1, STUDIES) / (SEEDS - 1)
    of_variants = rng.chisquare(POOL, STUDIES) / POOL
    noise = rng.standard_normal((STUDIES, VARIANTS + 1)) * np.sqrt(shared / 2 + 1 / SEEDS)
    noise[:, 0] *= np.sqrt((shared / 2 + factor**2 / SEEDS) / (shared / 2 + 1 / SEEDS))
    largest = np.abs(noise[:, 1:] - noise[:, :1]).max(axis=1)
    pooled = (of_baseline * (SEEDS - 1) + of_variants * POOL) / (SEEDS - 1 + POOL)
    together = half_width([(2 * pooled / SEEDS, POOL + SEEDS - 1)], shared, np.full(STUDIES, 0.5))
    theirs, ours = of_baseline / SEEDS, of_variants / SEEDS
    rho = (theirs + shared / 2) / (theirs + ours + shared)
    apart = half_width([(theirs, SEEDS - 1), (ours, POOL)], shared, rho)
    p = fdtrc(SEEDS - 1, POOL, of_baseline / of_variants)
    found = []
    for level in LEVELS:
        half = np.where((p < level) & (of_baseline > of_variants), apart, together)
        found.append((float((largest > half).mean()), float(half.mean() / together.mean())))
    return found


def half_width(seeds: list[tuple[Floats, float]], shared: float, rho: Floats) -> Floats:
    """Dunnett's c times the SE, with Satterthwaite's degrees of freedom; `seeds`: (variance, degrees of freedom)."""
    variance = np.sum([value for value, _ in seeds], axis=0) + shared
    part = np.sum([value**2 / df for value, df in seeds], axis=0) + shared**2 / (IMAGES - 1)
    freedom = variance**2 / part
    return np.asarray(critical(freedom, rho) * np.sqrt(variance))


def of_parts(images: int, sd: float, factor: float) -> tuple[float, float]:
    """Error with own A and with the mean A; images have an SD of `sd` in every group, `factor` times that in one."""
    rng = np.random.default_rng(0)
    sds = np.full((VARIANTS + 1, 1), sd / np.sqrt(images))
    sds[1] *= factor
    studies = 8_000
    of_images = rng.standard_normal((studies, VARIANTS + 1, images)) * sds
    runs = rng.standard_normal((studies, VARIANTS + 1, SEEDS))
    means = of_images.sum(axis=2) + runs.mean(axis=2)
    difference = np.abs(means[:, 1:] - means[:, :1])
    own = (of_images[:, 1:] - of_images[:, :1]).var(axis=2, ddof=1) * images
    mean = own.mean(axis=1, keepdims=True)
    seeds = 2 * runs.var(axis=2, ddof=1).mean(axis=1, keepdims=True) / SEEDS
    freedom = (mean + seeds) ** 2 / (mean**2 / (images - 1) + seeds**2 / (POOL + SEEDS - 1))
    c = critical(freedom[:, 0], np.full(studies, 0.5))[:, None]
    errors = [float((difference > c * np.sqrt(part + seeds)).any(axis=1).mean()) for part in (own, mean)]
    return errors[0], errors[1]


def critical(freedom: Floats, rho: Floats) -> Floats:
    """Dunnett's c, interpolated."""
    at = np.stack([np.clip(1 / freedom, 0, 0.5), np.clip(rho, 0.02, 0.97)], axis=1)
    return np.asarray(np.exp(_table()(at)))


@cache
def _table() -> RegularGridInterpolator:
    inverse = np.array([0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5])
    rho = np.array([0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97])
    values = [[critical_value(VARIANTS, 1 / i if i else np.inf, 0.05, r) for r in rho] for i in inverse]
    return RegularGridInterpolator((inverse, rho), np.log(values))


if __name__ == "__main__":
    main()
