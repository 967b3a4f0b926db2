"""`python -m benchmarks.zoo`: every config tried, one of each kind trained, then the tables of docs/detectors.md.

It goes on where it was stopped: what is done stands in the folder of `--results`, a line each. Give it a fresh folder
after a change in pipeline/detector.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.zoo.examine import examine
from benchmarks.zoo.page import write_tables
from benchmarks.zoo.train import KINDS, try_to_train
from pipeline.common.paths import PROJECT
from pipeline.detector.config import base

PAGE = PROJECT / "docs" / "detectors.md"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help="only configs and kinds whose name holds all of them; writes no page")
    parser.add_argument("--results", type=Path, required=True, help="a folder that keeps what is done")
    parser.add_argument("--part", choices=("configs", "kinds", "page"), help="one part alone")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after so long")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    results = options.results.resolve()
    (results / "project").mkdir(parents=True, exist_ok=True)
    os.chdir(results / "project")
    end = time.monotonic() + 60 * options.minutes
    parts: dict[str, tuple[Sequence[str], Callable[[str], dict[str, Any]]]] = {
        "configs": (base.shipped(), examine),
        "kinds": (list(KINDS), try_to_train),
    }
    for part, (names, work) in parts.items():
        if options.part in (None, part):
            chosen = [name for name in names if all(word in name for word in options.words)]
            run(results / f"{part}.jsonl", chosen, work, end)
    if not options.words and options.part in (None, "page"):
        configs, kinds = (read(results / f"{part}.jsonl") for part in parts)
        write_tables(PAGE, configs, kinds, len(base.shipped()))


def run(path: Path, names: Sequence[str], work: Callable[[str], dict[str, Any]], end: float) -> None:
    done = {record["name"] for record in read(path)}
    to_do = [name for name in names if name not in done]
    with path.open("a", encoding="utf-8") as file:
        for number, name in enumerate(to_do, 1):
            if time.monotonic() > end:
                print(f"{len(to_do) - number + 1} of {len(names)} are left", flush=True)
                break
            file.write(json.dumps({"name": name, **work(name)}) + "\n")
            file.flush()
            print(f"{number}/{len(to_do)} {name}", flush=True)


def read(path: Path) -> list[dict[str, Any]]:
    """The newest record of each name, in the order in which they were first tried."""
    records = map(json.loads, path.read_text().splitlines() if path.exists() else ())
    return list({record["name"]: record for record in records}.values())


if __name__ == "__main__":
    main()
