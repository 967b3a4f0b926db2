"""Does the comparison keep its promises? `python -m benchmarks.evidence [--studies 500] [--worlds NAME ...]`.

Studies of worlds whose truth is known (`benchmarks.worlds`): nine variants, none of which is of any use, against a
baseline, three seeds each. For each world, by the rule of this version and by that of the first (images one by one, the
noise of a run counted twice, one pooled variance that nobody checks):

- error: how often any useless variant is called better or worse
- coverage: how often all intervals whose truth is known hold it
- half-width: of the intervals, the mean
- power: how often the last variant would be shown, were its true difference the 80 % effect that studies of this world
  print, on average

Studies are kept as they come (`--kept`, lines of JSON) and not played again, so a run that was cut off goes on; after
a change of the statistics delete the file. `--looks` plays studies that look at 3, 6 and 10 seeds against studies of
ten seeds. `--measured` prints for a study at hand the half-width of its intervals by both versions, and what pairing
did.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import astuple, dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from benchmarks.worlds import RESAMPLES, VARIANTS, WORLDS, Numbers, Study
from pipeline.evaluation import Comparison, pairing_gain
from pipeline.evaluation.boxes import Floats
from pipeline.evaluation.contrasts import contrasts
from pipeline.evaluation.dunnett import critical_value
from pipeline.evaluation.judging import detectable, judge
from pipeline.evaluation.looks import follow
from pipeline.evaluation.parts import image_parts
from pipeline.evaluation.spread import seed_variance

ALPHA, EQUIVALENCE = 0.05, 1e-4
LOOKS = (3, 6, 10)


@dataclass(frozen=True)
class Found:
    """One study by one rule. `low`: the last variant's lower bound; `detectable`: the printed 80 % effect."""

    wrong: bool
    held: bool
    half_width: float
    low: float
    detectable: float


def by_this_version(study: Study) -> Found:
    found = contrasts(study.sample)
    family, rows = judge(found, range(1, VARIANTS + 1), VARIANTS, ALPHA, EQUIVALENCE)
    intervals = np.array([(rows[g].ci_low, rows[g].ci_high) for g in rows])
    regular = found.regular(list(rows))
    printed = np.nan
    if family and regular:
        printed = regular.se * detectable(family.critical, family.degrees_of_freedom)
    return _found(study, intervals, printed)


def by_the_first_version(study: Study) -> Found:
    """SE² = SE_images² + 2 s²/k, images one by one, s² pooled over all."""
    sample = study.alone
    pairing = sample.pairing
    seeds = min(sample.runs)
    points = sample.points[:, :seeds]
    variance, freedom = seed_variance(points, pairing)
    parts = image_parts(sample.resampled[:, :seeds], 10**9)
    critical = critical_value(VARIANTS, freedom, ALPHA)
    means = points.mean(axis=1)
    half = np.array([critical * np.sqrt(parts.se(g, 0) ** 2 + 2 * variance / seeds) for g in range(1, VARIANTS + 1)])
    delta = means[1:] - means[0]
    return _found(study, np.stack([delta - half, delta + half], axis=1), np.nan)


def _found(study: Study, intervals: Floats, printed: float) -> Found:
    low, high = intervals.T
    truth = study.truth[1:]
    known = ~np.isnan(truth)
    return Found(
        wrong=bool(((low > 0) | (high < 0))[truth == 0].any()),
        held=bool(((low <= truth) & (truth <= high))[known].all()),
        half_width=float(((high - low) / 2)[known].mean()),
        low=float(low[-1]),
        detectable=float(printed),
    )


def judged(number: int, world: str) -> tuple[Found, Found]:
    """By the first version and by this one."""
    study = WORLDS[world].study(generator(number, world))
    return by_the_first_version(study), by_this_version(study)


def generator(number: int, world: str) -> np.random.Generator:
    """Worlds share no luck, and neither do studies."""
    return np.random.default_rng([number, *world.encode()])


@dataclass(frozen=True)
class Played:
    """An adaptive study: any useless variant called different, the good one shown, runs trained; and of ten seeds."""

    wrong: bool
    shown: bool
    runs: int
    shown_fixed: bool


def played(number: int, effect: float, wanted: float) -> Played:
    study = Numbers(k=LOOKS[-1], baseline_seeds=LOOKS[-1], effect=effect).study(generator(number, "looks"))
    sample, good = study.sample, VARIANTS
    held = follow(sample, LOOKS, VARIANTS, ALPHA, EQUIVALENCE, wanted)
    last = {g: (look.seeds, d) for look in held for g, d in look.decisions.items()}
    useless = [g for g in last if study.truth[g] == 0]
    fixed = follow(sample, (), VARIANTS, ALPHA, EQUIVALENCE, None)[0]
    return Played(
        wrong=any(last[g][1] in ("better", "worse") for g in useless),
        shown=last[good][1] == "better",
        runs=sum(seeds for seeds, _ in last.values()) + held[-1].seeds,
        shown_fixed=fixed.decisions[good] == "better",
    )


def main() -> None:
    options = parse()
    if options.measured:
        comparison = Comparison.read(options.measured)
        print(json.dumps(half_widths(comparison) | measured_pairing(comparison), indent=1))
        return
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        if options.looks:
            print("\n".join(look_lines(pool, options.studies)), flush=True)
            return
        print(f"{options.studies} studies a world, {VARIANTS} useless variants, {RESAMPLES} resamples")
        heads = ["error", "half-width", "power"]
        print(f"| world | {' | '.join(f'{head}, first | {head}' for head in heads)} | coverage |")
        print(f"|---|{'--:|' * 7}")
        for world in options.worlds or WORLDS:
            print(row(world, studies(pool, world, options.studies, options.kept)), flush=True)


def studies(pool: ProcessPoolExecutor, world: str, count: int, kept: Path) -> list[tuple[Found, Found]]:
    """Those that are kept, and the rest played."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    found = {line["number"]: (Found(*line["first"]), Found(*line["ours"])) for line in lines if line["world"] == world}
    missing = [number for number in range(count) if number not in found]
    with kept.open("a") as file:
        for number, pair in zip(missing, pool.map(partial(judged, world=world), missing), strict=True):
            line = {"world": world, "number": number, "first": astuple(pair[0]), "ours": astuple(pair[1])}
            print(json.dumps(line), file=file, flush=True)
            found[number] = pair
    return [found[number] for number in range(count)]


def row(world: str, pairs: Sequence[tuple[Found, Found]]) -> str:
    first, ours = zip(*pairs, strict=True)
    effect = np.nanmean([f.detectable for f in ours])
    cells = [
        *(share([f.wrong for f in rule]) for rule in (first, ours)),
        *(f"{np.mean([f.half_width for f in rule]):.4f}" for rule in (first, ours)),
        *(share([f.low + effect > 0 for f in rule]) for rule in (first, ours)),
        share([f.held for f in ours]),
    ]
    return f"| {world} | {' | '.join(cells)} |"


def look_lines(pool: ProcessPoolExecutor, studies: int) -> Iterator[str]:
    """`wanted` is what ten seeds show with a power of about 80 %."""
    full = replace(Numbers(), k=LOOKS[-1], baseline_seeds=LOOKS[-1])
    wanted = float(np.mean([by_this_version(full.study(generator(n, "wanted"))).detectable for n in range(20)]))
    yield f"looks at {LOOKS}, wanted {wanted:.4f} AP"
    for factor in (0.0, 1.0, 1.5):
        found = list(pool.map(partial(played, effect=factor * wanted, wanted=wanted), range(studies), chunksize=5))
        power = (
            f"shown {share([f.shown for f in found])}, with ten seeds fixed {share([f.shown_fixed for f in found])}, "
        )
        most = LOOKS[-1] * (VARIANTS + 1)
        yield (
            f"effect {factor:g} x wanted: {power if factor else ''}error {share([f.wrong for f in found])}, "
            f"{np.mean([f.runs for f in found]):.1f} runs of {most}"
        )


def half_widths(comparison: Comparison) -> dict[str, float]:
    """Of the intervals of a real study, mean over variants, by the first version's rule (from the runs' AP and the
    image errors at hand: of groups, where there are any) and by this one's."""
    rows = [row for row in comparison.variants.values() if row.n == comparison.k]
    variance, freedom = seed_variance(np.array([list(row.runs.values())[: comparison.k] for row in rows]))
    judged = [row for row in rows if row.se_images is not None and row.ci_high is not None and row.ci_low is not None]
    critical = critical_value(len(judged), freedom, comparison.alpha)
    first = [critical * np.sqrt((row.se_images or 0) ** 2 + 2 * variance / comparison.k) for row in judged]
    ours = [((row.ci_high or 0) - (row.ci_low or 0)) / 2 for row in judged]
    return {"half_width_first_version": float(np.mean(first)), "half_width": float(np.mean(ours))}


def measured_pairing(comparison: Comparison) -> dict[str, float]:
    """What equal seeds did in a real study: see `pairing_gain`."""
    variants = comparison.variants
    most = max(row.n for row in variants.values())
    return pairing_gain({n: {int(s): ap for s, ap in row.runs.items()} for n, row in variants.items() if row.n == most})


def share(found: Sequence[bool]) -> str:
    """A share with its binomial standard error."""
    p = float(np.mean(found))
    return f"{p:.3f} ± {np.sqrt(p * (1 - p) / len(found)):.3f}"


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=500)
    parser.add_argument("--worlds", nargs="*", choices=list(WORLDS), help="all by default")
    parser.add_argument("--kept", type=Path, default=Path("scratch/evidence.jsonl"))
    parser.add_argument("--looks", action="store_true")
    parser.add_argument("--measured", type=Path, help="a comparison.json: what was done for it")
    parser.add_argument("--workers", type=int, default=None, help="processes; all cores by default")
    return parser.parse_args()


if __name__ == "__main__":
    main()
