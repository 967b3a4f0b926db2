"""Does the baseline stand? From the training histories: whether it had learned what it can when its training ended.

The rules, each over the last fifth of the iterations and the mean of the seeds:

- its AP is below 0.1: too little was learned for modules to be told apart;
- its loss still falls, by more than 5 % against the fifth before;
- its loss rises, by more than 5 %;
- its AP on the validation images still rises, by more than 5 % and 0.005.

Undertrained does not make a comparison wrong: it compares how fast modules learn, and not how well they end. Besides,
a run of any variant diverged where its loss is no number, or twice the median of the variant's runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.results.read import Evidence

LOW_AP = 0.1
MOVED = 0.05  # a share: of the loss, or of AP
MOVED_AP = 0.005
DIVERGED = 2.0  # times the median loss of the variant's runs
PARTS = 5
Change = tuple[float, float]  # before the last fifth, and in it


@dataclass(frozen=True)
class Training:
    """`undertrained` are the rules that the baseline breaks, as clauses; `diverged` names cells of any variant.

    `judged` is whether its histories are long enough to tell: ten losses or two validations a run.
    """

    undertrained: tuple[str, ...]
    diverged: tuple[str, ...]
    judged: bool

    @property
    def sentence(self) -> str:
        """For the verdict; empty where there is nothing to say."""
        if not self.undertrained:
            return ""
        return (
            f"Undertrained: differences of modules may be differences of speed ({'; '.join(self.undertrained)}). "
            "Train longer before a verdict is taken for one about modules."
        )


def training(evidence: Evidence) -> Training:
    """Judge the histories of an evaluation."""
    name = evidence.baseline
    loss = [_fifths(run) for run in _runs(evidence.history, name, "loss").values() if len(run) >= 2 * PARTS]
    ap = [_ends(run) for run in _runs(evidence.history, name, "val/AP").values() if len(run) >= 2]
    undertrained = _undertrained(name, evidence.outcomes[name].mean, loss, ap)
    return Training(tuple(undertrained), tuple(_diverged(evidence)), bool(loss or ap))


def _undertrained(name: str, mean: float | None, loss: list[Change], ap: list[Change]) -> list[str]:
    """`loss` and `ap` are the changes of each seed's run."""
    found = []
    if mean is not None and mean < LOW_AP:
        found.append(f"the AP of {name} is {mean:.3f}, below {LOW_AP}")
    if loss:
        before, last = np.mean(loss, axis=0)
        if last < (1 - MOVED) * before:
            found.append(f"its loss still fell by {1 - last / before:.0%} over the last fifth of training")
        elif last > (1 + MOVED) * before:
            found.append(f"its loss rose by {last / before - 1:.0%} over the last fifth of training")
    if ap:
        before, last = np.mean(ap, axis=0)
        if last - before > max(MOVED * last, MOVED_AP):
            found.append(f"its validation AP still rose by {last - before:.3f} over the last fifth of training")
    return found


def _diverged(evidence: Evidence) -> list[str]:
    cells = []
    for name in evidence.names:
        runs = _runs(evidence.history, name, "loss")
        last = {seed: _fifths(run)[1] for seed, run in runs.items() if len(run) >= 2 * PARTS}
        usual = float(np.nanmedian(list(last.values()))) if np.isfinite(list(last.values())).any() else np.inf
        cells += [f"{name}-{seed}" for seed, loss in last.items() if not loss <= DIVERGED * usual]
    return cells


def _runs(history: pd.DataFrame, variant: str, metric: str) -> Mapping[int, pd.DataFrame]:
    """Seed -> the rows of a curve, in the order of their steps."""
    mine = history[(history["variant"] == variant) & (history["metric"] == metric)].sort_values("step")
    return {int(str(seed)): rows for seed, rows in mine.groupby("seed")}


def _fifths(run: pd.DataFrame) -> Change:
    """The mean value of the fourth and of the last fifth of the iterations."""
    share = run["step"] / run["step"].max()
    fourth = run["value"][(share > 1 - 2 / PARTS) & (share <= 1 - 1 / PARTS)]
    return float(fourth.mean()), float(run["value"][share > 1 - 1 / PARTS].mean(skipna=False))


def _ends(run: pd.DataFrame) -> Change:
    """The last value before the last fifth begins, and the last of all."""
    earlier = run["value"][run["step"] <= (1 - 1 / PARTS) * run["step"].max()]
    first = run["value"] if earlier.empty else earlier.iloc[-1:]
    return float(first.iloc[0]), float(run["value"].iloc[-1])
