"""Real Chromium on the study's pages: what the README tells people to click, and what others must not."""

from __future__ import annotations

import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pipeline.tracking import sync
from tests.conftest import ROOT
from tests.conftest import wait_for as wait_until

from .contents import client, one
from .servers import free_port, pages, started, wait_for
from .study_tree import VARIANTS, Tree

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="Chromium is missing: apt-get install chromium"),
]
SECONDS = 60_000  # ms that the page may take to appear


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1600, "height": 1500})
        page.set_default_timeout(SECONDS)
        yield page
        browser.close()


def names(page: Any) -> list[str]:
    """The run names in the table, from top to bottom."""
    links = page.locator(".ag-row a[href*='/runs/']")
    found = links.evaluate_all("all => all.map(a => [a.getBoundingClientRect().y, a.textContent])")
    return [name for _, name in sorted(found)]


def open_runs(page: Any, address: str, expected: int, query: str = "") -> None:
    page.goto("about:blank")  # the page reads its address only when it is loaded
    page.goto(f"{address}{query}")
    page.get_by_text(f"{expected} matching runs").wait_for()
    page.locator(".ag-row a[href*='/runs/']").first.wait_for()
    page.wait_for_timeout(2000)


def test_the_steps_of_the_readme(tree: Callable[..., Tree], page: Any) -> None:
    study = tree(steps=50).report()
    experiment = sync(study.paths).experiment_id
    with pages(study.root) as (address, _):
        runs = f"{address}/#/experiments/{experiment}/runs"

        open_runs(page, runs, 45)
        assert sorted(names(page)) == sorted(["study demo", *VARIANTS])  # the cells are folded under their variants
        page.screenshot(path=study.root / "table.png")

        open_runs(page, runs, 11, "?viewStateShareKey=comparison")
        assert names(page) == [*reversed(VARIANTS)]  # the tree's delta grows along its variants
        headers = page.locator(".ag-header-cell").evaluate_all(
            "all => all.map(h => [h.getBoundingClientRect().x, h.getAttribute('col-id')])"
        )
        columns = [str(name) for _, name in sorted(headers) if "`" in name]
        assert columns[1:5] == ["tags.`verdict`", *(f"metrics.`{name}`" for name in ("delta", "ci_lo", "ci_hi"))]
        page.screenshot(path=study.root / "comparison.png")

        open_runs(page, runs, 33, "?viewStateShareKey=cells")
        assert names(page)[:3] == ["se_eca-2", "se_eca-1", "se_eca-0"]
        left = page.locator(".ag-header-cell").first.bounding_box()["x"]
        for name in ("se_eca-2", "polarized-2", "coordinate-2"):
            row = page.get_by_role("link", name=name, exact=True).bounding_box()
            page.mouse.click(left + 16, row["y"] + row["height"] / 2)
        page.get_by_role("button", name="Compare").click()
        page.get_by_role("link", name="loss", exact=True).click()
        page.locator("path.js-line").nth(2).wait_for(state="attached")
        assert page.get_by_text("(step=50)").count() >= 3  # the last point of each curve
        assert page.locator("text=/(se_eca|polarized|coordinate)-2 \\(loss\\)/").count() == 3
        page.screenshot(path=study.root / "curves.png")

        open_runs(page, runs, 45)
        page.get_by_role("link", name="study demo", exact=True).click()
        page.get_by_text("Artifacts", exact=True).click()
        page.get_by_text("report", exact=True).click()
        page.get_by_text("ablation.md", exact=True).click()
        page.get_by_text("Ablation", exact=True).first.wait_for()
        page.get_by_text("ablation.html", exact=True).click()
        page.frame_locator("iframe").get_by_text("# Ablation").wait_for()
        page.screenshot(path=study.root / "report.png")


def test_the_address_that_is_printed_shows_the_comparison_at_first_sight(tree: Callable[..., Tree], page: Any) -> None:
    study = tree(variants=("baseline", "se", "cbam", "gam"))
    command, log = [sys.executable, "-m", "pipeline", "ui", "--port", str(free_port())], study.root / "ui.log"
    with started(command, log, cwd=study.root, PYTHONPATH=str(ROOT)) as process:
        wait_until(lambda: "Ctrl-C" in log.read_text())
        (address,) = re.findall(r"http://\S+", log.read_text())
        wait_for(address.partition("/#")[0], process, log)
        page.goto(address)
        page.get_by_text("4 matching runs").wait_for()
        page.locator(".ag-row a[href*='/runs/']").nth(3).wait_for()
        assert names(page) == ["gam", "cbam", "se", "baseline"]
        page.wait_for_timeout(1000)
        page.screenshot(path=study.root / "first.png")


def test_the_page_of_five_hundred_cells_asks_for_little(tree: Callable[..., Tree], page: Any) -> None:
    study = tree(variants=("baseline", *(f"v{i}" for i in range(99))), seeds=(0, 1, 2, 3, 4), steps=20, module="se")
    experiment = sync(study.paths).experiment_id
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    with pages(study.root) as (address, _):
        page.goto(address)  # the program itself, which a browser keeps
        page.goto("about:blank")
        asked.clear()
        began = time.perf_counter()
        page.goto(f"{address}/#/experiments/{experiment}/runs?viewStateShareKey=comparison")
        page.locator(".ag-row a[href*='/runs/']").first.wait_for()
        print(f"the comparison of 500 cells opens in {time.perf_counter() - began:.1f} s")
        assert names(page)[0] == "v98"
    assert sum("runs/search" in url for url in asked) <= 2


WRITES = """async address => {
  const headers = {"Content-Type": "application/json"}
  const asked = {method: "POST", headers, body: JSON.stringify({name: "written from elsewhere"})}
  try { await fetch(`${address}/ajax-api/2.0/mlflow/experiments/create`, asked) } catch {}
}"""


def test_a_page_of_another_origin_cannot_write(tree: Callable[..., Tree], page: Any) -> None:
    study = tree(variants=("baseline", "cbam"), seeds=(0,))
    elsewhere = ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler)
    threading.Thread(target=elsewhere.serve_forever, daemon=True).start()
    with pages(study.root) as (address, _):
        for origin, expected in ((f"http://127.0.0.1:{elsewhere.server_port}", 0), (address, 1)):
            page.goto(f"{origin}/version" if origin == address else origin)
            page.evaluate(WRITES, address)
            found = [e for e in client(study.root).search_experiments() if e.name == "written from elsewhere"]
            assert len(found) == expected
    elsewhere.shutdown()


def test_a_report_from_elsewhere_runs_nothing_in_mlflows_name(tree: Callable[..., Tree], page: Any) -> None:
    """Opened in MLflow's page, as its preview does, and straight from its address."""
    study = tree(variants=("baseline", "cbam"), seeds=(0,)).report()
    hostile = f"<p>hello</p><script>({WRITES})(new URL(document.referrer || location).origin)</script>"
    (study.root / "reports/ablation.html").write_text(hostile)
    experiment = sync(study.paths).experiment_id
    run = one(client(study.root), "study").info.run_id
    with pages(study.root) as (address, _):
        page.goto(f"{address}/#/experiments/{experiment}/runs/{run}/artifacts/report/ablation.html")
        page.frame_locator("iframe").get_by_text("hello").wait_for()
        page.wait_for_timeout(1000)
        page.goto("about:blank")
        page.set_content(f"<iframe src='{address}/get-artifact?run_id={run}&path=report/ablation.html'></iframe>")
        page.wait_for_timeout(1000)
    assert "written from elsewhere" not in [e.name for e in client(study.root).search_experiments()]
