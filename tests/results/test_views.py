"""`dvc metrics` and `dvc plots` show a study: real DVC, the project's own declarations and templates."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline.results.read import EvaluationPaths, read
from pipeline.results.views import write_views
from tests.conftest import ROOT, Project
from tests.report import studies

CHROMIUM = Path("/usr/bin/chromium")


@dataclass
class Study(Project):
    """A repository whose stage `evaluate` copies a made-up evaluation, and that declares the project's views of it."""

    def start(self) -> Study:
        self.run("git", "init", "-q")
        self.run("dvc", "init", "-q")
        shutil.copytree(ROOT / ".dvc/plots", self.root / ".dvc/plots")
        views = {key: YAML(typ="safe").load(ROOT / "dvc.yaml")[key] for key in ("metrics", "plots")}
        copy = {"cmd": "cp -r source data/evaluation", "deps": ["source"], "outs": ["data/evaluation"]}
        with (self.root / "dvc.yaml").open("w") as file:
            YAML().dump({"stages": {"evaluate": copy}, **views}, file)
        (self.root / "data").mkdir()
        self.run("git", "config", "user.name", "test")
        self.run("git", "config", "user.email", "test@example.org")
        return self

    def evaluate(self) -> None:
        write_views(read(self.root / "source"))
        self.dvc("repro", "-q")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    root = tmp_path_factory.mktemp("views") / "a study"
    studies.write(root / "source", 2, classes=1, pictures=0, repeated=True)
    made = Study(root).start()
    made.evaluate()
    made.run("git", "add", "-A")
    made.run("git", "commit", "-qm", "first")
    return made


def columns(path: Path) -> dict[str, list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {name: [row[name] for row in rows] for name in rows[0]}


def test_metrics_show_every_variant(study: Study) -> None:
    evidence = read(study.root / "source")
    (shown,) = json.loads(study.dvc("metrics", "show", "--json").stdout)[""]["data"].values()
    assert list(shown["data"]) == [*evidence.outcomes, "again"]
    for name, row in evidence.outcomes.items():
        assert shown["data"][name]["AP"] == row.mean
        assert shown["data"][name].get("ci_low") == row.ci_low
    assert set(shown["data"]["again"]) == {"AP", "sd", "seeds"}


def test_metrics_diff_names_the_variant_that_changed(study: Study) -> None:
    files = EvaluationPaths(study.root / "source")
    comparison = read(files.folder).comparison
    better = replace(comparison.variants["se"], mean=0.5)
    comparison.model_copy(update={"variants": {**comparison.variants, "se": better}}).write(files.comparison)
    study.evaluate()
    (changed,) = json.loads(study.dvc("metrics", "diff", "--json").stdout).values()
    assert list(changed) == ["se.AP"]
    assert (changed["se.AP"]["old"], changed["se.AP"]["new"]) == (comparison.variants["se"].mean, 0.5)
    study.dvc("plots", "diff", "-o", "diff")
    both = (study.root / "diff/index.html").read_text()
    assert all(f'"rev": "{rev}"' in both for rev in ("HEAD", "workspace"))
    comparison.write(files.comparison)
    study.evaluate()


def test_the_tables_of_the_plots_are_the_evaluation(study: Study) -> None:
    evidence, plots = read(study.root / "source"), study.root / "data/evaluation/plots"
    scores = columns(plots / "ap.csv")
    assert scores["variant"] == [*evidence.outcomes, "again"]
    row, base = evidence.outcomes["se"], evidence.outcomes["baseline"].mean
    assert row.ci_low is not None
    assert base is not None
    assert float(scores["low"][scores["variant"].index("se")]) == pytest.approx(base + row.ci_low)
    loss = columns(plots / "loss.csv")
    mine = evidence.history.query("variant == 'se' and metric == 'loss'").groupby("step")["value"].mean()
    drawn = {int(s): float(y) for v, s, y in zip(loss["variant"], loss["step"], loss["loss"], strict=True) if v == "se"}
    assert drawn == {int(str(step)): value for step, value in mine.items()}
    assert len(columns(plots / "precision_recall.csv")["recall"]) == 3 * 101


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a page of `dvc plots` loads from the net, from npm's registry."""
    folder = tmp_path_factory.mktemp("npm")
    names = ["vega@5.20.2", "vega-lite@5.2.0", "vega-embed@6.18.2"]
    packed = subprocess.run(["npm", "pack", "--silent", *names], cwd=folder, capture_output=True, check=False)
    if packed.returncode:
        pytest.skip("npm's registry is not to be reached")
    for archive in folder.glob("*.tgz"):
        with tarfile.open(archive) as file:
            file.extractall(folder / archive.name.rpartition("-")[0], filter="data")
    return folder


@pytest.fixture
def page(libraries: Path) -> Iterator[Any]:
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is missing: apt-get install chromium")
    from playwright.sync_api import Route, sync_playwright

    def serve(route: Route) -> None:
        name = route.request.url.rpartition("/")[2].partition("@")[0]
        route.fulfill(path=libraries / name / "package/build" / f"{name}.min.js")

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        opened = browser.new_page(viewport={"width": 1280, "height": 1700})
        opened.route("https://cdn.jsdelivr.net/**", serve)
        yield opened
        browser.close()


@pytest.mark.slow
def test_plots_show_makes_a_page_with_every_declared_plot(study: Study, page: Any) -> None:
    study.dvc("plots", "show", "-o", "page")
    page.goto((study.root / "page/index.html").as_uri())
    page.locator(".vega-embed canvas, .vega-embed svg").nth(3).wait_for()
    assert page.locator(".vega-embed").count() == 4
    page.wait_for_timeout(1000)
    page.screenshot(path=study.root / "plots.png")
