"""The whole report, from an evaluation folder to files."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from pipeline.common.errors import UserError
from pipeline.report import render
from pipeline.report.markdown import page
from pipeline.report.model import build
from pipeline.results.read import EvaluationPaths, read

from . import studies

GOLDEN = Path(__file__).with_name("golden.md")
FILES = ("cells", "study", "card", "cost", "curves", "errors", "examples", "metrics", "history")
HEADINGS = [
    "1. Verdict",
    "2. How to read this",
    "3. All variants",
    "4. Differences from the baseline",
    "5. Accuracy against cost",
    "6. By size, by IoU, by class",
    "7. Learning curves",
    "8. Kinds of error, precision and recall",
    "9. The same images for all variants",
    "10. Data card",
    "11. Method",
    "12. The article's numbers",
    "13. Threats to validity",
    "14. Reproduce",
    "15. Failed, missing and resumed runs",
    "16. The twelve COCO lines of each run",
]


def text_of(folder: Path) -> str:
    return (folder / "ablation.md").read_text(encoding="utf-8")


def section(text: str, title: str) -> str:
    return text.partition(f"## {title}\n")[2].partition("\n## ")[0]


def test_the_same_inputs_give_the_same_bytes_in_two_places_and_nothing_of_before(small: Path, tmp_path: Path) -> None:
    out = tmp_path / "a folder with spaces"
    (out / "figures").mkdir(parents=True)
    (out / "figures/of_before.png").write_bytes(b"")
    (out / "notes.txt").write_text("mine", encoding="utf-8")
    render(studies.write(tmp_path / "evaluation", **studies.SMALL), out)
    files = sorted(path.relative_to(small) for path in small.rglob("*.*"))
    assert len(files) >= 9
    for file in files:
        assert (small / file).read_bytes() == (out / file).read_bytes(), file
    assert sorted(path.relative_to(out) for path in out.rglob("*.*")) == sorted([*files, Path("notes.txt")])


def test_the_report_is_the_golden_one(small: Path) -> None:
    text = text_of(small)
    if not GOLDEN.exists():
        GOLDEN.write_text(text, encoding="utf-8")
        pytest.fail(f"{GOLDEN} is written anew: read it and commit it")
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_all_sections_are_there_in_their_order(reports: Path) -> None:
    assert re.findall(r"^## (.*)$", text_of(reports), re.MULTILINE) == HEADINGS


def test_the_demo_says_so_near_the_top(reports: Path, evaluation: Path) -> None:
    top = text_of(reports)[:400]
    assert "This is the demo" in top
    assert "cannot show which attention module is useful" in top
    evidence = read(evaluation)
    view = build(replace(evidence, study=evidence.study.model_copy(update={"demo": False}), examples=[]))
    drawings = {figure.name: figure.plot.draw(figure.name) for figure in [view.forest] if figure}
    view = replace(view, tradeoff=None, classes=[], learning=None, validation=None, errors=None, precision_recall=None)
    assert "This is the demo" not in page("ablation.md.j2", view, drawings)


def test_every_number_of_the_text_is_in_the_evaluation(reports: Path, evaluation: Path) -> None:
    known = set(rounded(numbers(evaluation)))
    text = text_of(reports)
    text = re.sub(r"!\[[^\n]*\]\((.*?)\)", "", text)  # the captions and tables say the same
    for heading in re.findall(r"^## .*$", text, re.MULTILINE):
        text = text.replace(heading, "")
    text = re.sub(r"\[(CBAM[^]]*)\]\(https[^)]*\)|`[^`\n]*`|[0-9a-f]{64}|[0-9a-f]{40}", "", text)
    unknown = [token for token in written(text) if token not in known | ALLOWED]
    assert not unknown


# What the sentences say by themselves: names of metrics, sections, thresholds of the method, COCO's own lines.
ALLOWED = {"0.3", "0.5", "0.50", "0.75", "0.95", ".50", ".75", "1", "10", "15", "30", "100", "1000", "2020"}


def written(text: str) -> list[str]:
    """Numbers as they stand in the text, without signs and commas; words like AP50 and x1 are no numbers."""
    found = re.findall(r"(?<![\w.])(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?!\w)", text)
    return [token.replace(",", "") for token in found if token]


def rounded(values: list[float]) -> list[str]:
    """Every form in which a number may be written: 0 to 3 digits; millions, percent, minutes and hours besides."""
    forms = []
    for value in values:
        for scale in (1, 1e-6, 100, 1 / 60, 1 / 3600):
            forms += [f"{abs(value) * scale:.{digits}f}" for digits in (0, 1, 2, 3)]
        forms.append(f"{value:.3g}")
    return forms


def numbers(folder: Path) -> list[float]:
    """All numbers in the files of an evaluation: values, digits in strings, lengths, and means over seeds."""
    found: list[float] = []

    def walk(value: Any) -> None:
        if isinstance(value, dict | list):
            found.append(len(value))
            for item in [*value, *value.values()] if isinstance(value, dict) else value:
                walk(item)
        elif isinstance(value, str):
            found.extend(float(token) for token in written(value))
        elif value is not None:
            found.append(float(value))

    for name in ("comparison", "study", "cells", "cost", "curves", "errors", "card", "examples"):
        walk(json.loads((folder / f"{name}.json").read_text(encoding="utf-8")))
    groups: dict[tuple[str, str], list[float]] = {}
    for line in (folder / "metrics.csv").read_text(encoding="utf-8").splitlines()[1:]:
        variant, _, metric, value = line.split(",")
        if value:
            groups.setdefault((variant, metric), []).append(float(value))
    found += [value for group in groups.values() for value in [*group, fmean(group)]]
    evidence = read(folder)
    done = len(evidence.runs)
    return [*found, done, len(evidence.cells) - done, len(evidence.others), 1 - evidence.comparison.alpha]


@pytest.mark.parametrize("settings", [{"seeds": 1}, {"seeds": 2}, {"config_differs": True}])
def test_studies_that_claim_nothing_have_their_own_form(tmp_path: Path, settings: dict[str, Any]) -> None:
    folder = studies.write(tmp_path / "evaluation", 1, classes=1, pictures=0, **settings)
    render(folder, tmp_path)
    text = text_of(tmp_path)
    refusal = read(folder).comparison.refusals[0]
    assert section(text, "1. Verdict").lstrip().startswith("> [!")
    for word in refusal.text.split(":")[0].split():
        assert word in section(text, "1. Verdict")
    assert "This study claims no difference" in text
    assert "| better |" not in text
    assert "| worse |" not in text
    assert "<0.0" not in text
    if settings == {"config_differs": True}:
        assert "the comparison is refused" in section(text, "4. Differences from the baseline")


def test_a_study_of_the_baseline_alone(tmp_path: Path) -> None:
    folder = studies.write(tmp_path / "evaluation", 1, classes=1, pictures=0, names=["se"])
    files, found = EvaluationPaths(folder), read(folder)
    facts = {"variants": {"baseline": found.study.variants["baseline"]}}
    found.study.model_copy(update=facts).write(files.study)
    described = {
        metric: replace(row, variants={"baseline": row.variants["baseline"]})
        for metric, row in found.comparison.descriptive.items()
    }
    alone = {
        "variants": {"baseline": found.outcomes["baseline"]},
        "descriptive": described,
        "claim": "refused",
        "minimum_detectable": None,
        "power": (),
    }
    found.comparison.model_copy(update=alone).write(files.comparison)
    render(folder, tmp_path)
    assert "There is no variant to compare with the baseline." in text_of(tmp_path)
    assert "m = 0 variants" in text_of(tmp_path)


@pytest.mark.parametrize("name", FILES)
def test_an_evaluation_is_whole_and_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    folder = studies.write(tmp_path / "evaluation", 1, classes=1, pictures=0)
    missing: Path = getattr(EvaluationPaths(folder), name)
    missing.unlink()
    with pytest.raises(UserError, match=rf"{missing.name}: no such file; `dvc repro .*` writes it"):
        render(folder, tmp_path)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("comparison.json", None, "comparison.json: no such file; `dvc repro evaluate` writes it"),
        ("study.json", "{", "study.json: damaged, not valid JSON"),
        ("comparison.json", '{"schema": 2}', "comparison.json: schema 2; this version reads schema 1"),
        ("metrics.csv", "variant,seed\n", "metrics.csv: columns variant, seed; expected variant, seed, metric, value"),
    ],
)
def test_broken_files_are_named_and_an_older_report_stays(
    tmp_path: Path, file: str, content: str | None, message: str
) -> None:
    folder = studies.write(tmp_path / "evaluation", 1, classes=1, pictures=0)
    (folder / file).unlink()
    if content is not None:
        (folder / file).write_text(content, encoding="utf-8")
    (tmp_path / "ablation.md").write_text("older", encoding="utf-8")
    with pytest.raises(UserError, match=re.escape(message)):
        render(folder, tmp_path)
    assert text_of(tmp_path) == "older"
    with pytest.raises(UserError, match="no such folder"):
        render(tmp_path / "nowhere", tmp_path)
