"""Documentation that follows from code is held to it, and no link leads nowhere."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from pipeline.study import Study
from tests.conftest import ROOT
from tools import params_page

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "pipeline" / "tracking" / "README.md"])


def models(annotation: object) -> set[type[BaseModel]]:
    """A model and all that its fields can hold, by the annotations: the page is made from the schema."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}.union(*(models(field.annotation) for field in annotation.model_fields.values()))
    return set().union(*(models(inner) for inner in get_args(annotation)))


def test_the_page_of_params_is_current() -> None:
    assert params_page.PAGE.read_text(encoding="utf-8") == params_page.page(), "run `make docs`"


def test_every_key_of_every_section_is_on_the_page() -> None:
    page = params_page.page()
    for model in models(Study):
        for name, field in model.model_fields.items():
            if field.annotation is not type(None):  # a key that a kind of data set does not have
                assert f"| `{field.alias or name}` |" in page, f"{model.__name__}.{name}"


def test_a_key_without_a_word_is_named() -> None:
    class Forgetful(Study):
        mosaic: bool = False

    found = params_page.sections(Forgetful.model_json_schema())
    assert params_page.undescribed(found) == ["top level: mosaic"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        if "://" in path:
            continue
        file = page.parent / path if path else page
        assert file.exists(), f"{page.name}: {target}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}, target


def test_make_help_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    command = ["make", "--no-print-directory", "help"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert phony
    assert {line.split()[1] for line in shown.splitlines()} == set(phony[1].split())


def test_the_first_page_stays_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_the_places_of_changes_exist() -> None:
    """Rows of docs/structure.md: a link to a file, and in the next column a name in it."""
    text = (ROOT / "docs" / "structure.md").read_text(encoding="utf-8").partition("## Where a change goes")[2]
    rows = re.findall(r"\]\(\.\./([^)]+)\) \| `(\w+)` \|", text)
    assert len(rows) >= 9
    for path, name in rows:
        source = (ROOT / path).read_text(encoding="utf-8")
        assert re.search(rf"^(class|def) {name}\b", source, re.MULTILINE), f"{path}: {name}"
