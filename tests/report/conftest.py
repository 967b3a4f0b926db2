"""One study of the article's size, rendered once for all tests that only look."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.report import render
from pipeline.results.read import Evidence, read

from . import studies

CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture(scope="session")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten variants, three seeds, five classes; one cell failed, one is missing, one resumed."""
    return studies.write(tmp_path_factory.mktemp("a study") / "evaluation", pictures=2, broken=True)


@pytest.fixture(scope="session")
def evidence(evaluation: Path) -> Evidence:
    return read(evaluation)


@pytest.fixture(scope="session")
def repeated(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """Two variants and the baseline trained again."""
    folder = tmp_path_factory.mktemp("repeated") / "evaluation"
    return read(studies.write(folder, 2, classes=2, pictures=0, repeated=True))


@pytest.fixture(scope="session")
def reports(evaluation: Path) -> Path:
    render(evaluation, evaluation.parent / "reports")
    return evaluation.parent / "reports"


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two variants and two classes: where the size does not matter."""
    folder = tmp_path_factory.mktemp("small")
    render(studies.write(folder / "evaluation", **studies.SMALL), folder / "reports")
    return folder / "reports"


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """The real Chromium of Debian; playwright only drives it."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is missing: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
