"""The sentences a reviewer signs: what was shown, what was not, and what threatens it."""

from __future__ import annotations

from typing import Literal

from pipeline.evaluation import Comparison
from pipeline.records.study import StudyFacts
from pipeline.report.blocks import Alert
from pipeline.report.text import Markdown, escape
from pipeline.report.words import count, interval, listing, number, percent, plural, signed
from pipeline.results.read import Evidence

# Outcomes in the order a reader wants them: the question's answer first.
MEANINGS = {
    "better": "the whole interval is above zero",
    "worse": "the whole interval is below zero",
    "equivalent": "shown to lie within ±{region}",
    "not_shown": "neither a difference nor equivalence was shown",
}
TITLES = {"better": "Better", "worse": "Worse", "equivalent": "Equivalent", "not_shown": "Not shown"}
# Refusals that take all claims away, those that weaken them, and those that belong to the descriptive section.
BARRED: dict[str, Literal["IMPORTANT", "WARNING", "CAUTION"]] = {
    "config_differs": "CAUTION",
    "one_seed": "IMPORTANT",
    "two_seeds": "WARNING",
}
DESCRIPTIVE = ("too_few_boxes", "secondary_only", "secondary_harm")


def alerts(evidence: Evidence) -> list[Alert]:
    """A box for what may not be claimed, and one for what weakens what is claimed."""
    refusals = [row for row in evidence.comparison.refusals if row.kind not in DESCRIPTIVE]
    barring = [row for row in refusals if row.kind in BARRED]
    boxes = [Alert(BARRED[row.kind], [row.text]) for row in barring]
    rest = [row.text for row in refusals if row not in barring]
    if evidence.comparison.claim == "refused" and not barring:
        return [Alert("CAUTION", rest or ["There is no variant to compare with the baseline."])]
    return [*boxes, Alert("WARNING", rest)] if rest else boxes


def remarks(evidence: Evidence) -> list[Alert]:
    """What the comparison says of the descriptive metrics."""
    texts = [row.text for row in evidence.comparison.refusals if row.kind in DESCRIPTIVE]
    return [Alert("NOTE", texts)] if texts else []


def verdict(evidence: Evidence) -> list[Markdown]:
    """At most eight lines: an answer for each outcome, what the study could have shown, its size."""
    lines = _outcomes(evidence) if evidence.comparison.claim == "full" else [_seen(evidence)]
    return [*lines, *_power(evidence), *_unfinished(evidence), _size(evidence)]


def _outcomes(evidence: Evidence) -> list[Markdown]:
    region = number(evidence.comparison.equivalence)
    lines = []
    for verdict, title in TITLES.items():
        found = [name for name, row in evidence.outcomes.items() if row.verdict == verdict]
        if not found and verdict != "better":
            continue
        shown = [_difference(evidence, name) for name in found] if verdict in ("better", "worse") else found
        who = listing([str(escape(name)) for name in shown]) if shown else "no variant"
        lines.append(Markdown(f"**{title}** ({MEANINGS[verdict].format(region=region)}): {who}."))
    return lines


def _difference(evidence: Evidence, name: str) -> Markdown:
    row = evidence.outcomes[name]
    small = ", by less than matters" if row.small else ""
    return Markdown(f"{escape(name)} {signed(row.delta)} {interval(row.ci_low, row.ci_high)}{small}")


def _seen(evidence: Evidence) -> Markdown:
    """Without a claim: the largest difference, as what it is."""
    rows = {name: row for name, row in evidence.outcomes.items() if row.delta is not None}
    rows.pop(evidence.baseline, None)
    if not rows or evidence.comparison.claim == "refused":
        return Markdown("**Nothing is compared**: see the box above.")
    name = max(rows, key=lambda name: abs(rows[name].delta or 0.0))
    text = f"**Nothing is claimed.** The largest difference seen is {_difference(evidence, name)}"
    if evidence.comparison.claim == "one_seed":
        return Markdown(f"{text}, over resampled images alone: this checkpoint against that one.")
    return Markdown(f"{text}.")


def _power(evidence: Evidence) -> list[Markdown]:
    """What the study could have shown, and what more seeds or images would buy."""
    comparison = evidence.comparison
    smallest, half, more = comparison.minimum_detectable, comparison.half_of_it, comparison.needed
    if smallest is None:
        return []
    text = f"True differences of {number(smallest)} {comparison.primary} or more would be shown in 8 of 10 such studies"
    if comparison.least_observed is not None:
        text += f"; an observed one below {number(comparison.least_observed)} could not count"
    if half:
        often = percent(round(half.shown, 2))
        text += f". Half of that is shown in {often} of them, and then overstated {half.overstated:.1f} times"
    lines = [Markdown(f"{text}.")]
    if more:
        ways = []
        if more.seeds is not None and more.more_runs:
            ways.append(f"{plural(more.seeds, 'seed')} a variant ({count(more.more_runs)} more runs)")
        if more.images is not None and more.images > comparison.images:
            ways.append(f"{plural(more.images, 'image')}")
        either = "either " if len(ways) == 2 else ""
        answer = f"{either}{' or '.join(ways)}" if ways else "neither more seeds nor more images alone would do"
        if more.wanted < smallest:
            lines.append(Markdown(f"To show {number(more.wanted)}: {answer}."))
    return lines


def saved(evidence: Evidence) -> Markdown:
    """How many runs the looks spared."""
    comparison = evidence.comparison
    if not comparison.looks:
        return Markdown("")
    most = comparison.declared_looks[-1] * len(evidence.outcomes)
    used = sum(row.n for row in evidence.outcomes.values())
    return Markdown(
        f"Declared before the runs: looks at {listing([str(k) for k in comparison.declared_looks])} seeds, to find "
        f"{number(comparison.wanted)} {comparison.primary}. Each is judged at a level of its own, so that all of them "
        f"together keep the study's. {plural(used, 'run')} of {count(most)}: {count(most - used)} saved."
    )


def _unfinished(evidence: Evidence) -> list[Markdown]:
    lost = [cell for cell in evidence.cells if cell.state != "done"]
    if not lost:
        return []
    runs = plural(len(evidence.cells), "run")
    return [Markdown(f"{len(lost)} of {runs} failed or are missing: section 15 names them.")]


def _size(evidence: Evidence) -> Markdown:
    comparison, base = evidence.comparison, evidence.outcomes[evidence.baseline]
    return Markdown(
        f"k = {plural(comparison.k, 'seed')}, V = {plural(comparison.images, 'image')} "
        f"({escape(comparison.split)}), m = {plural(len(evidence.others), 'variant')} "
        f"against {escape(evidence.baseline)} with {comparison.primary} {number(base.mean)}."
    )


def threats(evidence: Evidence) -> list[Markdown]:
    """What may make the conclusions wrong, said where it applies to this study."""
    comparison, study = evidence.comparison, evidence.study
    resumed = [run for run in evidence.runs.values() if run.resumed_from is not None]
    leaks = evidence.card.leaks.count
    lines = [
        *_independence(comparison),
        "One data set and one detector: what holds here need not hold for other images, scales or backbones.",
        "The settings were the same for all variants and tuned for none; a variant may want another learning rate.",
        _training_set(study),
        *_spread(comparison),
        f"The {plural(len(evidence.others), 'comparison')} are covered together at {percent(1 - comparison.alpha)}; "
        f"only {comparison.primary} decides. Sizes, classes, AP50 and AP75 are descriptive.",
    ]
    epochs = {run.epochs for run in evidence.runs.values()}
    if any(row.weights for row in study.variants.values()):
        lines.append("The loaded weights were made without the attention modules, which start untrained.")
    elif epochs:
        lines.append(
            f"Trained without pretrained weights for {plural(max(epochs), 'epoch')}: "
            "longer or pretrained runs may rank otherwise."
        )
    if leaks:
        lines.append(f"{plural(leaks, 'image')} with equal content in two splits: scores may flatter all variants.")
    if resumed:
        lines.append(f"{plural(len(resumed), 'run')} resumed after an interruption: not the same random numbers.")
    if study.demo:
        lines.append("The images are drawn, not photographed: nothing here carries over to roads.")
    if study.git.dirty:
        lines.append("The working tree had uncommitted changes: the revision alone does not bring the study back.")
    if comparison.noise_floor:
        lines.append(str(escape(comparison.noise_floor.text)))
    return [Markdown(line) for line in lines]


def _training_set(study: StudyFacts) -> str:
    train = study.params.get("train")
    if isinstance(train, dict) and train.get("resample"):
        return (
            "Every seed drew its training images anew, with replacement and by whole groups where there are any: the "
            "spread between seeds holds what another training set from the same images does, and each run saw about "
            "two thirds of them."
        )
    return (
        "One training set: seeds vary what training draws, not the images it sees; other training images may rank "
        "variants otherwise, and no interval here covers that."
    )


def _spread(comparison: Comparison) -> list[str]:
    """The two worlds in which claims are less sure than they say; docs/evidence.md has the simulation."""
    lines = [
        f"The spread between runs is estimated from {plural(comparison.k, 'seed')}, one estimate for all variants. A "
        "baseline that varies more than they do is looked for and, with few seeds, not always found: in simulated "
        "studies of three seeds with a baseline of three times their SD, 8 % made a false claim and not 5 %."
    ]
    if comparison.pairing == "seeds":
        lines.append(
            "Seeds are paired: what a seed does to all variants is taken out. Where it does one thing to the variants "
            "and another to the baseline, intervals are too narrow: where four fifths of the variance between three "
            "seeds were common to all variants but the baseline, 7 % of simulated studies made a false claim."
        )
    return lines


def _independence(comparison: Comparison) -> list[str]:
    """Which images are taken as independent of each other; first where that is doubtful."""
    if comparison.grouped:
        return [
            f"The {plural(comparison.images, 'image')} form {plural(comparison.units, 'group')}, which are taken as "
            "independent of each other."
        ]
    if comparison.frames:
        return [
            "File names look like frames of videos. Pictures are taken as independent of each other; where frames of "
            "one video are alike, the intervals are too narrow, by much: name the groups with `dataset.group`."
        ]
    return ["Pictures are taken as independent of each other: no groups (videos, scenes, places) were given."]
