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
LONGEST = 12.0  # seconds from the start of a dispatcher, or the last kill, to the next


def states(project: Project) -> list[tuple[str, int, str]]:
    """Variant, seed and predictions' digest of every finished cell: what an undisturbed study ends with."""
    runs = [json.loads(path.read_text()) for path in (project.root / "scratch").glob("*/run.json")]
    return sorted((run["variant"], run["seed"], run["predictions_sha256"]) for run in runs)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_fifty_kills(tmp_path: Path) -> None:
    undisturbed = clone(tmp_path / "undisturbed")
    undisturbed.params(train=LONGER)
    undisturbed.pipeline("dispatch")
    chance, killed, studies = random.Random(0), Counter[str](), 0
    while killed.total() < KILLS:
        project = clone(tmp_path / str(studies))
        project.params(train=LONGER)
        while not finish(project, chance, killed):
            assert killed.total() < 2 * KILLS, "it does not end"
        studies += 1
        assert states(project) == states(undisturbed)
        assert predictions(project.root / "scratch", "*") == predictions(undisturbed.root / "scratch", "*")
        assert not processes_of(project)
        left = [p.name for p in (project.root / "scratch").rglob("*") if p.suffix in (".part", ".tmp")]
        assert not left
        print(f"study {studies}: whole after {killed.total()} kills in all", flush=True)
    print(f"killed: {dict(killed)}")


def finish(project: Project, chance: random.Random, killed: Counter[str]) -> bool:
    """One dispatcher, killed or not: whether it ended with every cell done."""
    dispatcher = start(project)
    while killed.total() < KILLS:
        with suppress(subprocess.TimeoutExpired):
            dispatcher.wait(chance.uniform(0, LONGEST))
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
    ended = time.monotonic()
    wait_for(lambda: not processes_of(project), 20)
    print(f"  exit code {dispatcher.returncode}, all gone {time.monotonic() - ended:.1f} s later", flush=True)
    return dispatcher.returncode == 0
