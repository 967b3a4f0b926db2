"""Fifty times kill -9 at random moments: the study always ends whole, equal to an undisturbed one, with no orphan."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import TINY, Project, clone, wait_for

from .test_local import owners, predictions, processes_of, start

KILLS = 50
LONGER = {**TINY["train"], "epochs": 8}


def states(project: Project) -> list[tuple[str, int, str]]:
    """Variant, seed and predictions' digest of every finished cell: what an undisturbed study ends with."""
    runs = [json.loads(path.read_text()) for path in (project.root / "scratch").glob("*/run.json")]
    return sorted((run["variant"], run["seed"], run["predictions_sha256"]) for run in runs)


@pytest.mark.slow
@pytest.mark.timeout(4 * 3600)  # whatever the machine's speed
def test_fifty_kills(tmp_path: Path) -> None:
    undisturbed = clone(tmp_path / "undisturbed")
    undisturbed.params(train=LONGER)
    began = time.monotonic()
    undisturbed.pipeline("dispatch")
    longest = (time.monotonic() - began) / 2  # on any machine, a kill comes in the midst of it
    chance, killed, studies = random.Random(0), Counter[str](), 0
    while killed.total() < KILLS:
        project = clone(tmp_path / str(studies))
        project.params(train=LONGER)
        while not finish(project, chance, killed, longest):
            assert killed.total() < 2 * KILLS, "it does not end"
        studies += 1
        assert states(project) == states(undisturbed)
        assert predictions(project.root / "scratch", "*") == predictions(undisturbed.root / "scratch", "*")
        assert not processes_of(project)
        left = [p.name for p in (project.root / "scratch").rglob("*") if p.suffix in (".part", ".tmp")]
        assert not left
        print(f"study {studies}: whole after {killed.total()} kills in all", flush=True)
    print(f"killed: {dict(killed)}")


def finish(project: Project, chance: random.Random, killed: Counter[str], longest: float) -> bool:
    """One dispatcher, killed or not: whether it ended with every cell done.

    `longest` are the seconds from its start, or the last kill, to the next.
    """
    dispatcher = start(project)
    while killed.total() < KILLS:
        with suppress(subprocess.TimeoutExpired):
            dispatcher.wait(chance.uniform(0, longest))
            break
        victim = chance.choice(["worker", "coordinator", "both"])
        working = owners(project)
        if victim == "worker" and not working:
            continue
        if victim != "coordinator" and working:
            with suppress(ProcessLookupError):
                os.kill(chance.choice(working), signal.SIGKILL)
        killed[victim] += 1
        if victim != "worker":
            dispatcher.kill()
            break
    said = dispatcher.communicate(timeout=600)[0]
    assert "Traceback" not in said, said
    wait_for(lambda: not processes_of(project))
    return dispatcher.returncode == 0
