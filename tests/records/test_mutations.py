"""What other parts wrote is not believed: real files, damaged and edited at random, end in success or in one error.

The error names the file. Anything else fails the test: another exception, 30 seconds, 2 GiB.
"""

from __future__ import annotations

import gzip
import json
import random
import resource
import shutil
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from pipeline import study
from pipeline.cells.state import detections
from pipeline.common.errors import UserError
from pipeline.common.files import file_sha256, write_json_gz
from pipeline.common.paths import CellPaths
from pipeline.evaluation.boxes import Detections, read_detections, read_ground_truth
from pipeline.records import Owner, Record, Run, history
from pipeline.report.model import build
from pipeline.report.publish import render
from pipeline.results.read import read
from pipeline.tracking.live import LiveCurve
from tests import made
from tests.conftest import TINY
from tests.report import studies

MEMORY = 2 * 2**20  # KiB that reading may add to the process
TRUTH: dict[str, Any] = {
    "images": [{"id": i, "file_name": f"{i}.jpg", "width": 96, "height": 64} for i in (1, 2)],
    "categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}],
    "annotations": [
        {"id": i, "image_id": 1 + i % 2, "category_id": 1, "bbox": [1, 2, 30, 20], "area": 600, "iscrowd": 0}
        for i in range(1, 9)
    ],
}
HISTORY = "epoch,step,time,metric,value\n" + "".join(
    f"1,{step},{1.7e9 + step:.3f},{name},{1 / step}\n" for step in range(1, 9) for name in ("loss", "lr")
)
FOUND = [{"image_id": 1, "category_id": 1, "bbox": [1.5, 2.0, 29.0, 21.0], "score": 0.1 * i} for i in range(1, 9)]
STRANGE: list[Any] = [
    None, True, -1, 0, 1e308, float("nan"), float("inf"), 10**400, 2**63, "", "text", "\x00\x1b[2J", "\ud800", "../x",
    [], {}, [[[[]]]], {"schema": 1}, "x" * 10**5, 0.5, "1",
]  # fmt: skip


def originals(folder: Path) -> dict[str, Callable[[Path], object]]:
    """Write one real file of each kind; name -> how it is read, given the folder."""
    records = [made.plan(), made.manifest(), made.run(), made.heartbeat(), made.failure(), made.identity()]
    records.append(Owner(host="here", pid=1, born=1e9))
    readers: dict[str, Callable[[Path], object]] = {}
    for record in records:
        name = f"{type(record).__name__}.json"
        record.write(folder / name)
        readers[name] = partial(_read, type(record), name)
    (folder / "truth.json").write_text(json.dumps(TRUTH))
    (folder / "predictions.json.gz").write_bytes(gzip.compress(json.dumps(FOUND).encode(), mtime=0))
    readers["truth.json"] = lambda root: read_ground_truth(root / "truth.json")
    readers["predictions.json.gz"] = lambda root: read_detections(
        root / "predictions.json.gz", read_ground_truth(TRUTH), str(root / "predictions.json.gz")
    )
    with (folder / "params.yaml").open("w") as file:
        YAML().dump(TINY, file)
    readers["params.yaml"] = lambda root: study.load(root / "params.yaml")
    cell = CellPaths(folder / "cell")
    write_json_gz(cell.predictions, FOUND)
    made.run(predictions_sha256=file_sha256(cell.predictions)).write(cell.run)
    cell.history.write_text(HISTORY)
    for path in (cell.run, cell.predictions):
        readers[f"cell/{path.name}"] = _evaluated
    readers["cell/history.csv"] = lambda root: list(history.read(root / "cell/history.csv", "do this"))
    (folder / "live").mkdir()
    (folder / "live/history.csv").write_text(HISTORY)
    readers["live/history.csv"] = lambda root: LiveCurve(root / "live/history.csv").look()
    studies.write(folder / "evaluation", 2, classes=2, pictures=1, repeated=True)
    for path in _evaluation(folder):
        if path.suffix in (".json", ".csv"):
            readers[f"evaluation/{path.name}"] = lambda root: build(read(root / "evaluation"))
    return readers


def _evaluation(folder: Path) -> list[Path]:
    """All of an evaluation that is read again."""
    unread = ("boxes.json", "numbers.json")
    return sorted(p for p in (folder / "evaluation").rglob("*") if p.is_file() and p.name not in unread)


def _rendered(root: Path) -> None:
    render(root / "evaluation", root / "reports")


def _evaluated(root: Path) -> Detections:
    """As the stage `evaluate` takes a cell that is done."""
    cell = CellPaths(root / "cell")
    file = detections(cell, Run.read(cell.run))
    return read_detections(file, read_ground_truth(TRUTH), str(file))


def _read(kind: type[Record], name: str, root: Path) -> Record:
    return kind.read(root / name)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Callable[[Path], object]]]:
    folder = tmp_path_factory.mktemp("originals")
    return folder, originals(folder)


def mutated(content: bytes, packed: bool, draws: random.Random) -> bytes:
    """One to three changes: of the bytes, or of a value or key of the JSON in them."""
    for _ in range(draws.randint(1, 3)):
        way = draws.choice(["cut", "flip", "repeat", "value", "value", "key", "twice"])
        at = draws.randrange(len(content) + 1)
        if way == "cut":
            content = content[:at] + content[draws.randrange(at, len(content) + 1) :]
        elif way == "flip":
            content = content[:at] + bytes([draws.randrange(256)]) + content[at + 1 :]
        elif way == "repeat":
            content = content[:at] + content[at : at + 40] * draws.choice([2, 50]) + content[at:]
        else:
            content = edited(content, packed, way, draws)
    return content


def edited(content: bytes, packed: bool, way: str, draws: random.Random) -> bytes:
    """A change of the JSON, where it still is JSON."""
    try:
        data = json.loads(gzip.decompress(content) if packed else content)
    except (ValueError, OSError, EOFError, zlib.error):
        return content
    spots: list[tuple[Any, Any]] = []
    queue = [data]
    while queue:
        node = queue.pop()
        items = list(node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ())
        spots += [(node, key) for key, _ in items]
        queue += [value for _, value in items]
    if not spots:
        return content
    node, key = draws.choice(spots)
    if way == "value":
        node[key] = draws.choice(STRANGE)
    elif way == "key" and isinstance(node, dict):
        node[str(draws.choice(STRANGE))[:50]] = node.pop(key)
    else:
        del node[key]
    text = json.dumps(data)
    if way == "twice" and text.startswith("{"):  # a key that stands there twice
        text = '{"schema": 1, ' + text[1:]
    return gzip.compress(text.encode()) if packed else text.encode()


def holds(files: tuple[Path, dict[str, Callable[[Path], object]]], name: str, seed: int, folder: Path) -> None:
    originals, readers = files
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(originals, folder)
    path = folder / name
    path.write_bytes(mutated(path.read_bytes(), path.suffix == ".gz", random.Random(seed)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    said = error_of(lambda: readers[name](folder))
    assert not said or path.name in said, f"{name} is not named: {said}"
    assert len(said) < 2000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEMORY


def error_of(call: Callable[[], object]) -> str:
    """What the user is told; nothing where it went well."""
    try:
        call()
    except UserError as error:
        return str(error)
    return ""


COMMON = settings(deadline=30_000, suppress_health_check=list(HealthCheck))  # ms


@settings(COMMON, max_examples=200, derandomize=True)
@given(data=st.data(), seed=st.integers(0, 2**32))
def test_two_hundred_files(files: Any, tmp_path_factory: pytest.TempPathFactory, data: Any, seed: int) -> None:
    name = data.draw(st.sampled_from(sorted(files[1])))
    holds(files, name, seed, tmp_path_factory.getbasetemp() / "mutated")


@pytest.mark.slow
@settings(COMMON, max_examples=2000)
@given(data=st.data(), seed=st.integers(0, 2**32))
def test_two_thousand_files(files: Any, tmp_path_factory: pytest.TempPathFactory, data: Any, seed: int) -> None:
    name = data.draw(st.sampled_from(sorted(files[1])))
    holds(files, name, seed, tmp_path_factory.getbasetemp() / "mutated")


@pytest.mark.slow
@settings(COMMON, max_examples=200)
@given(data=st.data(), seed=st.integers(0, 2**32))
def test_reports_of_two_hundred_evaluations(
    files: Any, tmp_path_factory: pytest.TempPathFactory, data: Any, seed: int
) -> None:
    """To their files, figures and pictures included."""
    originals, _ = files
    names = [path.relative_to(originals).as_posix() for path in _evaluation(originals)]
    readers: dict[str, Callable[[Path], object]] = dict.fromkeys(names, _rendered)
    folder = tmp_path_factory.getbasetemp() / "mutated"
    holds((originals, readers), data.draw(st.sampled_from(names)), seed, folder)
    assert not list(folder.glob("reports/.report-*"))


def test_a_small_file_that_unpacks_to_a_large_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.common.files.LARGEST", 2**20)
    path = tmp_path / "predictions.json.gz"
    path.write_bytes(gzip.compress(b"[" + b" " * 2**20 + b"]", 1))
    assert path.stat().st_size < 2**13
    with pytest.raises(UserError, match=r"predictions\.json\.gz: larger than"):
        read_detections(path, read_ground_truth(TRUTH))
