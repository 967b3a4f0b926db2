"""What the next look of an adaptive study needs, and why."""

from __future__ import annotations

from pipeline.cells.asked import asked, standings
from pipeline.common.errors import UserError
from pipeline.common.paths import Paths
from pipeline.common.progress import say
from pipeline.study import load

WHY = {
    "better": "decided, better",
    "worse": "decided, worse",
    "equivalent": "decided, equivalent",
    "futile": "futile: what is wanted is out of reach",
    "open": "open",
}


def show(paths: Paths) -> None:
    """Each look that was held with its decisions, then what is to be trained. Raises UserError without looks."""
    study = load(paths.params)
    looks = study.evaluation.looks
    if not looks:
        raise UserError(
            f"{paths.params}: evaluation.looks is not given, so this study is judged once, with all its seeds; to look "
            "several times, declare it before the first run: `looks: [3, 6, 10]` and `wanted: 0.01`"
        )
    now = asked(study, paths)
    for look in now.looks:
        say(f"look at {look.seeds} seeds, level {look.alpha:.4f}")
        for variant, decision in look.decisions.items():
            say(f"  {variant}: {WHY[decision]}")
    most = looks[-1] * (len(study.variants) - len(study.repeats))
    if now.waiting is None:
        trained = sum(cell.variant not in study.repeats for cell in now.cells)
        say(f"nothing is left to look at: {trained} runs of {most}; `make repro` brings the report up to date")
        return
    missing = [standing.cell for standing in standings(study, paths) if standing.state != "done"]
    who = f"open: {', '.join(now.open)}" if now.looks else "the first look takes every variant"
    say(f"the look at {now.waiting} seeds needs {len(missing)} more runs ({who}): {', '.join(map(str, missing))}")
    say("`make repro` or `python -m pipeline dispatch` trains them, and no others")
