"""Whether a baseline stands: curves drawn by hand, each rule alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.results.read import Evidence, read
from pipeline.results.training import Training, training
from tests.report import studies

STEPS = np.arange(1, 101)


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return read(studies.write(tmp_path_factory.mktemp("study") / "evaluation", 1, classes=1, pictures=0))


def judged(evidence: Evidence, *curves: tuple[str, int, str, np.ndarray]) -> Training:
    """Of a study whose histories are these curves: variant, seed, metric, value at each step."""
    rows = [
        pd.DataFrame({"variant": v, "seed": s, "epoch": 1, "step": STEPS, "time": 0.0, "metric": m, "value": y})
        for v, s, m, y in curves
    ]
    return training(replace(evidence, history=pd.concat(rows).dropna()))


def loss(last: float, seed: int = 0, variant: str = "baseline") -> tuple[str, int, str, np.ndarray]:
    """1 up to four fifths of the training, then `last`."""
    return variant, seed, "loss", np.where(STEPS > 80, last, 1.0)


@pytest.mark.parametrize(
    ("last", "clause"),
    [
        (0.96, None),
        (0.94, "its loss still fell by 6% over the last fifth of training"),
        (1.04, None),
        (1.10, "its loss rose by 10% over the last fifth of training"),
    ],
)
def test_a_loss_that_moves(evidence: Evidence, last: float, clause: str | None) -> None:
    assert judged(evidence, loss(last)).undertrained == ((clause,) if clause else ())


def test_seeds_are_taken_together(evidence: Evidence) -> None:
    assert judged(evidence, loss(0.92, 0), loss(1.04, 1)).undertrained == ()
    assert judged(evidence, loss(0.92, 0), loss(0.96, 1)).undertrained != ()


@pytest.mark.parametrize(("before", "after", "moves"), [(0.30, 0.31, False), (0.30, 0.32, True), (0.030, 0.034, False)])
def test_a_validation_that_rises(evidence: Evidence, before: float, after: float, moves: bool) -> None:
    curve = np.full(100, np.nan)
    curve[[19, 39, 59, 79, 99]] = 0.1, 0.2, 0.25, before, after
    found = judged(evidence, ("baseline", 0, "val/AP", curve))
    clause = f"its validation AP still rose by {after - before:.3f} over the last fifth of training"
    assert found.undertrained == ((clause,) if moves else ())
    assert found.judged


def test_an_ap_that_is_next_to_nothing(evidence: Evidence) -> None:
    row = replace(evidence.outcomes["baseline"], mean=0.039)
    comparison = evidence.comparison.model_copy(update={"variants": {**evidence.comparison.variants, "baseline": row}})
    found = judged(replace(evidence, comparison=comparison), loss(1.0))
    assert found.undertrained == ("the AP of baseline is 0.039, below 0.1",)
    assert found.sentence.startswith("Undertrained: differences of modules may be differences of speed (the AP of")


def test_another_variant_may_learn_as_it_will(evidence: Evidence) -> None:
    assert judged(evidence, loss(1.0), loss(0.5, variant="se")).undertrained == ()


@pytest.mark.parametrize("last", [float("inf"), 2.5])
def test_a_run_that_diverged_is_named(evidence: Evidence, last: float) -> None:
    found = judged(evidence, loss(1.0), loss(1.0, 0, "se"), loss(1.0, 1, "se"), loss(last, 2, "se"))
    assert found.diverged == ("se-2",)


def test_too_little_history_is_no_judgement(evidence: Evidence) -> None:
    short = np.where(STEPS > 91, 1.0, np.nan)
    assert not judged(evidence, ("baseline", 0, "loss", short)).judged


def test_the_made_up_studies_stand_and_do_not(evidence: Evidence, tmp_path: Path) -> None:
    assert training(evidence) == Training((), (), True)
    young = training(read(studies.write(tmp_path / "young", 1, classes=1, pictures=0, undertrained=True)))
    assert len(young.undertrained) == 2
