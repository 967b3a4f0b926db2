"""ablation.html in the real Chromium: it loads, fits, sorts, prints, and is accessible."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.report import render

from . import studies

HOSTILE = "<img src=x onerror=alert(1)>|a_b*c</script>"


def opened(browser: Any, file: Path, width: int = 1280, scheme: str = "light") -> tuple[Any, list[str]]:
    """The page, and a list that collects its errors and every request that leaves the file."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    trouble: list[str] = []

    def dismissed(dialog: Any) -> None:
        trouble.append(dialog.message)
        dialog.dismiss()

    page.on("console", lambda message: trouble.append(message.text))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("dialog", dismissed)
    page.on("request", lambda request: trouble.extend([request.url] if request.url.startswith("http") else []))
    page.goto(file.as_uri())
    return page, trouble


@pytest.fixture
def page(browser: Any, reports: Path) -> Iterator[Any]:
    found, trouble = opened(browser, reports / "ablation.html")
    yield found
    found.close()
    assert not trouble


@pytest.mark.parametrize("width", [1280, 390])
def test_it_loads_and_fits(browser: Any, reports: Path, width: int) -> None:
    page, trouble = opened(browser, reports / "ablation.html", width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width  # wide tables scroll by themselves
    assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert page.locator("figure").count() == 9
    assert page.locator("h2").count() == 16
    overlaps = """() => {
        const blocks = [...document.querySelector("main").children].map(block => block.getBoundingClientRect());
        return blocks.filter((block, i) => i && block.top < blocks[i - 1].bottom - 1).length;
    }"""
    assert page.evaluate(overlaps) == 0
    for link in page.locator("nav a").all():
        assert page.locator(link.get_attribute("href")).count() == 1
    page.close()
    assert not trouble


# What of the main table is seen: the right edge of each column, and the width that its frame shows of how much.
SEEN = """() => {
    const table = document.querySelector("table.narrow");
    const heads = [...table.tHead.rows[0].cells].map(cell => cell.getBoundingClientRect().right);
    const frame = table.closest(".scroll");
    return [heads, frame.clientWidth, frame.scrollWidth];
}"""


def test_the_main_table_is_seen_whole_on_a_desk_and_its_verdict_on_a_phone(browser: Any, reports: Path) -> None:
    for width in (1280, 390):
        page, trouble = opened(browser, reports / "ablation.html", width)
        edges, shown, whole = page.evaluate(SEEN)
        if width == 1280:
            assert whole <= shown
        assert edges[3] <= width  # variant, AP, difference, verdict
        page.close()
        assert not trouble


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(browser: Any, small: Path, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page, _ = opened(browser, small / "ablation.html", scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
    # A drawing is one picture with a label to axe; it looks at each of its strokes first, for minutes.
    page.evaluate("document.querySelectorAll('svg > *').forEach(stroke => stroke.remove())")
    found = Axe().run(page)
    page.close()
    assert found.violations_count == 0, found.generate_report()


def test_a_click_sorts_by_value_and_a_second_turns_round(page: Any, evidence: Any) -> None:
    table = page.locator("table", has_text="Every variant against the baseline")
    head = table.locator("th", has_text="AP ± SD")
    names = table.locator("tbody th")
    means = {name: row.mean for name, row in evidence.outcomes.items()}
    head.locator("button").click()
    assert names.all_inner_texts() == sorted(means, key=lambda name: means[name])
    assert head.get_attribute("aria-sort") == "ascending"
    head.locator("button").press("Enter")
    assert names.all_inner_texts() == sorted(means, key=lambda name: -means[name])
    assert head.get_attribute("aria-sort") == "descending"
    table.locator("th button", has_text="adjusted p").click()
    assert set(names.all_inner_texts()[-3:]) == {"baseline", "se", "gam"}  # no value: last either way
    assert table.locator("th[aria-sort]").count() == 1


def test_figures_follow_the_dark_theme_and_tell_their_data(browser: Any, reports: Path, evidence: Any) -> None:
    colours = set()
    for scheme in ("light", "dark"):
        page, _ = opened(browser, reports / "ablation.html", scheme=scheme)
        colours.add(page.evaluate("getComputedStyle(document.querySelector('figure svg .tip use')).fill"))
        tips = page.locator("figure svg .tip title").all_text_contents()
        page.close()
    assert len(colours) == 2
    best = next(name for name in evidence.outcomes if name != "baseline")
    assert any(tip.startswith(f"{best}: +") for tip in tips)


def test_it_prints_with_all_folds_open(page: Any) -> None:
    data = page.pdf()
    assert data.startswith(b"%PDF")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details[open]").count() == 0


def test_hostile_names_do_not_run(browser: Any, tmp_path: Path) -> None:
    folder = studies.write(tmp_path / "a folder/evaluation", 1, pictures=1, class_names=[HOSTILE, "]]>--><b>"])
    render(folder, tmp_path / "a folder")
    page, trouble = opened(browser, tmp_path / "a folder/ablation.html")
    assert page.locator(f"text={HOSTILE}").count() > 0
    assert page.locator("img[src='x']").count() == 0
    assert page.locator("main b").count() == 0
    page.close()
    assert not trouble
