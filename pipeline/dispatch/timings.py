"""Timings of all variants, side by side in processes on the slots that cells would have."""

from __future__ import annotations

import math
import multiprocessing
import os
import queue
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from pathlib import Path

from pipeline.cells import failures
from pipeline.common.errors import UserError
from pipeline.common.paths import CellPaths
from pipeline.common.progress import OnProgress
from pipeline.dispatch.devices import Slot
from pipeline.records import Failure, Plan
from pipeline.records.estimate import Timing


def time_variants(
    plans: Mapping[str, Plan], slots: Sequence[Slot], seconds: float, progress: OnProgress
) -> dict[str, Timing]:
    """Variant -> timing, for as many variants as `seconds` suffice for; at least one a slot.

    On a CPU each variant has a process of its own, whose peak is its memory. A GPU's driver tells each variant's, so
    there one process a card takes them in turn. Raises UserError for a variant that cannot be trained.
    """
    (device,) = {plan.resources.device for plan in plans.values()}
    names = list(plans)
    context: BaseContext
    if device == "cpu":
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["pipeline.detector.timing"])
        shares = [[name] for name in names]
    else:
        context = multiprocessing.get_context("spawn")
        shares = [names[i :: len(slots)] for i in range(min(len(slots), len(names)))]
    each = seconds / math.ceil(len(names) / len(slots))
    until = time.time() + seconds
    found: dict[str, Timing] = {}
    free: queue.SimpleQueue[Slot] = queue.SimpleQueue()
    for slot in slots:
        free.put(slot)

    def take(share: Sequence[str], folder: Path) -> None:
        slot = free.get()
        try:
            found.update(_in_a_process(context, {name: plans[name] for name in share}, slot, each, until, folder))
            progress(len(found), len(names))
        finally:
            free.put(slot)

    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(len(slots)) as pool:
        for future in [pool.submit(take, share, Path(folder)) for share in shares]:
            future.result()
    return {name: found[name] for name in names if name in found}


def _in_a_process(
    context: BaseContext, plans: Mapping[str, Plan], slot: Slot, each: float, until: float, folder: Path
) -> dict[str, Timing]:
    """The timings of one process, as many as it had time for."""
    ours, theirs = context.Pipe(duplex=False)
    arguments = (theirs, plans, slot.environment, each, until, folder)
    process = context.Process(target=_work, args=arguments)  # type: ignore[attr-defined]
    process.start()
    theirs.close()
    found: dict[str, Timing] = {}
    try:
        while True:
            name, result = ours.recv()
            if isinstance(result, Failure):
                raise UserError(f"{name} cannot be trained here: {result.reason}")
            found[name] = result
    except EOFError:  # its end is closed: it has ended
        process.join()
        if process.exitcode:
            raise UserError(
                f"the timing of {', '.join(plans)} ended with exit code {process.exitcode}"
                + ("; the system may be short of memory" if process.exitcode < 0 else "")
            ) from None
        return found
    finally:
        process.terminate()
        process.join()


def _work(
    pipe: Connection, plans: Mapping[str, Plan], environment: Mapping[str, str], each: float, until: float, folder: Path
) -> None:
    """The timings of one process; MMEngine's words go to a log."""
    os.environ.update(environment)
    for name, plan in plans.items():
        if time.time() >= until:
            return
        files = CellPaths(folder / name)
        files.folder.mkdir()
        with files.log.open("a") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        try:
            from pipeline.detector.timing import time_variant

            pipe.send((name, time_variant(plan, files, each)))
        except Exception as error:
            traceback.print_exc()
            sys.stderr.flush()
            pipe.send((name, failures.describe(error, files)))
            return
