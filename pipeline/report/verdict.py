"""The sentences a reviewer signs: what was shown, what was not, and what threatens it."""

from __future__ import annotations

from typing import Literal

from pipeline.report.blocks import Alert
from pipeline.report.text import Markdown, escape
from pipeline.report.words import count, interval, listing, number, percent, plural, signed
from pipeline.results.read import Evidence

# Outcomes in the order a reader wants them: the question's answer first.
MEANINGS = {
    "better": "the whole interval is above zero",
    "worse": "the whole interval is below zero",
    "equivalent": "the whole interval lies within ±{region}",
    "not_shown": "the interval holds zero and more than ±{region}",
}
TITLES = {"better": "Better", "worse": "Worse", "equivalent": "Equivalent", "not_shown": "Not shown"}
# Refusals that take all claims away, those that weaken them, and those that belong to the descriptive section.
BARRED: dict[str, Literal["IMPORTANT", "WARNING", "CAUTION"]] = {
    "config_differs": "CAUTION",
    "one_seed": "IMPORTANT",
    "two_seeds": "WARNING",
}
DESCRIPTIVE = ("too_few_boxes", "secondary_only")


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
    return Markdown(f"{escape(name)} {signed(row.delta)} {interval(row.ci_low, row.ci_high)}")


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
    smallest = comparison.minimum_detectable
    if smallest is None:
        return []
    least = f"{number(smallest)} {comparison.primary}"
    lines = [Markdown(f"This study could only have shown differences of {least} or more (that one half of the time).")]
    k, images, power = comparison.k, comparison.images, comparison.power
    more_seeds = [row for row in power if row["images"] == images and row["seeds"] > k]
    more_images = [row for row in power if row["seeds"] == k and row["images"] > images]
    bought = [f"{count(row['seeds'])} seeds would show {number(row['effect'])}" for row in more_seeds[-1:]]
    bought += [f"{count(row['images'])} images would show {number(row['effect'])}" for row in more_images[-1:]]
    return [*lines, Markdown(f"With more: {' and '.join(bought)}.")] if bought else lines


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
        "One data set and one detector: what holds here need not hold for other images, scales or backbones.",
        "The settings were the same for all variants and tuned for none; a variant may want another learning rate.",
        f"The spread between runs is estimated from {plural(comparison.k, 'seed')}, one estimate for all variants.",
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
