"""A cell on several processes: torchrun starts them, the first one writes, the launcher answers for all.

`train.processes` of them over `nodes` machines; the launcher owns the cell's claim and says how it ended.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from pipeline.cells import claims, failures
from pipeline.common.errors import RankFailed
from pipeline.common.paths import CellPaths
from pipeline.records import Failure, Plan

GRACE = 5.0  # seconds between asking processes to end and killing them
PORT = 29400


def launch(plan: Plan, seed: int, fingerprint: str, cell: CellPaths) -> None:
    """Train the cell of `plan` with the processes it names. Raises RankFailed."""
    for old in cell.ranks():
        old.unlink()
    plan.write(cell.plan)
    code = torchrun(plan.resources.processes, cell, seed, fingerprint)
    if code or not cell.done.exists():
        first = min(cell.ranks(), key=lambda path: Failure.read(path).time, default=None)
        raise RankFailed(f"torchrun ended with exit code {code} and no word of a process", first)
    cell.plan.unlink()


def torchrun(processes: int, cell: CellPaths, seed: int, fingerprint: str) -> int:
    """Start this node's share of the processes and wait for them; its exit code."""
    command = [
        sys.executable, "-m", "torch.distributed.run", *rendezvous(processes, fingerprint, os.environ),
        "-m", "pipeline.cells.torchrun", str(cell.folder), str(seed), fingerprint, str(os.getpid()),
    ]  # fmt: skip
    with cell.log.open("a", encoding="utf-8") as log:
        # A group of its own, to be ended as a whole; a scheduler's warning (SIGUSR2) is for the launcher alone.
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, preexec_fn=_heedless)
        try:
            return process.wait()
        finally:
            _end(process)


def _heedless() -> None:
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)


def _end(process: subprocess.Popen[bytes]) -> None:
    """A process that waits for another in a collective never sees SIGTERM: then it is killed."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(process.pid, number)
            process.wait(GRACE)


def rendezvous(processes: int, fingerprint: str, environ: Mapping[str, str]) -> list[str]:
    """torchrun's arguments: alone on a machine, or one of the nodes of a Slurm job (the first one is the host)."""
    nodes = int(environ.get("SLURM_STEP_NUM_NODES", "1"))
    if nodes == 1:
        return ["--standalone", "--nproc-per-node", str(processes)]
    port = PORT + int(environ["SLURM_JOB_ID"]) % 1000  # two jobs of one node must not meet
    return [
        "--nnodes", str(nodes), "--nproc-per-node", str(processes // nodes), "--node-rank", environ["SLURM_NODEID"],
        "--master-addr", environ["SLURM_LAUNCH_NODE_IPADDR"], "--master-port", str(port),
        "--rdzv-id", fingerprint[:16],
    ]  # fmt: skip


def main(cell: CellPaths, seed: int, fingerprint: str, launcher: int) -> None:
    """One process of the cell."""
    threading.Thread(target=_end_with, args=(launcher,), daemon=True).start()
    try:
        from pipeline.detector.imports import import_named
        from pipeline.detector.train import train

        plan = Plan.read(cell.plan)
        import_named(plan.config)
        train(plan, seed, fingerprint, cell)
    except Exception as error:
        traceback.print_exc()
        failures.describe(error, cell).write(cell.rank(os.environ["RANK"]))
        raise SystemExit(1) from None


def _end_with(launcher: int) -> None:
    """A launcher that was killed cannot end its processes: they look for it themselves."""
    while claims.runs(launcher):
        time.sleep(1)
    os._exit(1)


if __name__ == "__main__":
    main(CellPaths(Path(sys.argv[1])), int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
