"""Whether the baseline had learned what it can, and which runs diverged: the first thing that a verdict rests on."""

from __future__ import annotations

from pipeline.report.blocks import Alert
from pipeline.report.text import Markdown, escape
from pipeline.report.words import listing, number
from pipeline.results.read import Evidence
from pipeline.results.training import training


def standing(evidence: Evidence) -> list[Alert]:
    """A box for a baseline that does not stand, and for runs that diverged."""
    found = training(evidence)
    texts = [found.sentence] if found.undertrained else []
    if found.diverged:
        names = listing([str(escape(cell)) for cell in found.diverged])
        texts.append(Markdown(f"Diverged, by their training loss: {names}. They are in all the numbers below."))
    return [Alert("WARNING", texts)] if texts else []


def stands(evidence: Evidence) -> Markdown:
    """The same in one sentence, beside the curves; said where the baseline stands, too."""
    found = training(evidence)
    if found.undertrained:
        return Markdown(f"The baseline does not stand: {escape('; '.join(found.undertrained))}.")
    if not found.judged:
        return Markdown("The training histories are too short to tell whether the baseline had learned what it can.")
    row = evidence.outcomes[evidence.baseline]
    return Markdown(
        f"The baseline stands: its {evidence.comparison.primary} is {number(row.mean)}, "
        "and its curves are flat over the last fifth of training (within 5 %)."
    )
