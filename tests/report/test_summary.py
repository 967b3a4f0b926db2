"""summary.md: short enough for a pull request or a chat, and it says what the report says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import cmarkgfm
import pytest
from ruamel.yaml import YAML

from pipeline.report import verdict
from pipeline.report.markdown import page
from pipeline.report.model import build
from pipeline.results.read import Evidence, read
from tests.conftest import ROOT

from . import studies


def summary(evidence: Evidence) -> str:
    view = build(evidence)
    drawn = {view.forest.name: view.forest.plot.draw("forest")} if view.forest else {}
    return page("summary.md.j2", view, drawn)


@pytest.mark.parametrize(
    "settings",
    [
        {"variants": 10, "broken": True, "repeated": True, "undertrained": True},
        {"variants": 60},
        {"variants": 3, "seeds": 1},
        {"variants": 3, "config_differs": True},
    ],
)
def test_it_has_at_most_sixty_lines_and_the_verdict(tmp_path: Path, settings: dict[str, Any]) -> None:
    evidence = read(studies.write(tmp_path / "evaluation", classes=1, pictures=0, **settings))
    text = summary(evidence)
    assert len(text.splitlines()) <= 60
    assert all(str(line) in text for line in verdict.verdict(evidence))
    html = cmarkgfm.github_flavored_markdown_to_html(text)
    assert html.count("<table>") == 1
    assert ("figures/forest.png" in html) == (evidence.comparison.claim != "refused")


def test_the_variants_in_the_middle_are_counted(tmp_path: Path) -> None:
    evidence = read(studies.write(tmp_path / "evaluation", 60, classes=1, pictures=0))
    text = summary(evidence)
    assert "41 variants between them" in text
    shown = [line.split(" | ")[0].removeprefix("| ") for line in text.splitlines() if line.startswith("| ")][2:]
    assert shown == [*evidence.names[:10], *evidence.names[-10:]]


def test_it_is_published_beside_the_report(reports: Path) -> None:
    text = (reports / "summary.md").read_text(encoding="utf-8")
    assert text.startswith("### Ablation: demo\n")
    assert "[ablation.md](ablation.md)" in text


def test_the_workflow_of_the_documentation_makes_addresses_of_its_links(reports: Path, tmp_path: Path) -> None:
    document = (ROOT / "docs/sharing.md").read_text(encoding="utf-8")
    (workflow,) = re.findall(r"```yaml\n(.*?)```", document, re.DOTALL)
    steps = YAML(typ="safe").load(workflow)["jobs"]["summary"]["steps"]
    (tmp_path / "reports").mkdir()
    shutil.copyfile(reports / "summary.md", tmp_path / "reports/summary.md")
    environment = {**os.environ, "SHA": "abc", "REPO": "lab/study"}
    subprocess.run(["bash", "-ec", steps[1]["run"]], cwd=tmp_path, env=environment, check=True)
    text = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert "](https://raw.githubusercontent.com/lab/study/abc/reports/figures/forest.png)" in text
    assert "](https://github.com/lab/study/blob/abc/reports/ablation.md)" in text
    assert not re.findall(r"\]\((?!https://)", text)
