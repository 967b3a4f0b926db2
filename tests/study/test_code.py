"""Digests of code: what retrains a cell, and what must not."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.common.errors import UserError
from pipeline.study import code


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ("x = 1\n", "x = 1  # why\n", True),
        ('def f():\n    """A."""\n    return 1\n', 'def f():\n    """B."""\n\n    return 1\n', True),
        ('class A:\n    """A."""\n', "class A:\n    pass\n", True),
        ("x = 1\n", "x = 2\n", False),
        ("x = 'a'\n", "x = 'b'\n", False),
    ],
)
def test_only_the_syntax_tree_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str, after: str, same: bool
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(code, "ROOT", tmp_path)
    digests = []
    for text in (before, after):
        (tmp_path / "some_module.py").write_text(text)
        digests.append(code.code_digests(["some_module"])["some_module.py"])
    assert (digests[0] == digests[1]) is same


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's package of three files: a module, what it imports relatively, and what that imports in turn."""
    monkeypatch.setattr(code, "ROOT", tmp_path)
    folder = tmp_path / "mine"
    (folder / "deep").mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "gate.py").write_text("from ._ops import scale\nfrom . import constants\n")
    (folder / "_ops.py").write_text("from .deep.numbers import ONE\n\n\ndef scale(x):\n    return ONE * x\n")
    (folder / "constants.py").write_text("TWO = 2\n")
    (folder / "deep" / "__init__.py").write_text("")
    (folder / "deep" / "numbers.py").write_text("from ..constants import TWO\n\nONE = TWO - 1\n")
    return folder


def test_relative_imports_count_however_deep(package: Path) -> None:
    before = code.code_digests(["mine.gate"])
    assert set(before) >= {f"mine/{name}.py" for name in ("gate", "_ops", "constants", "deep/numbers")}
    for name in ("_ops", "constants", "deep/numbers"):
        file = package / f"{name}.py"
        text = file.read_text()
        file.write_text(text + "# a comment\n")
        assert code.code_digests(["mine.gate"]) == before
        file.write_text(text + "ADDED = 1\n")
        assert code.code_digests(["mine.gate"]) != before, f"a change in {name} went unseen"
        file.write_text(text)


def test_what_builds_every_module_counts_and_rooms_of_words_do_not() -> None:
    files = set(code.code_digests(["pipeline.detector.train", "pipeline.attention.se"]))
    assert {"pipeline/attention/__init__.py", "pipeline/attention/_base.py", "pipeline/attention/_ops.py"} <= files
    assert {name.split("/")[1] for name in files} == {"attention", "detector"}


def test_a_module_that_is_not_there_is_named() -> None:
    with pytest.raises(UserError, match=r"pipeline\.attention\.nothing: no such module"):
        code.code_digests(["pipeline.attention.nothing"])
