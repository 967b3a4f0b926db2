"""From an evaluation folder to files: the only part of the room that writes."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pipeline.report import html, markdown
from pipeline.report.blocks import Figure
from pipeline.report.comparing import changes
from pipeline.report.model import build
from pipeline.results.read import read


def render(evaluation: Path, out: Path) -> None:
    """Write `out`/ablation.md, ablation.html and figures/ from the folder `evaluation`.

    Raises UserError naming the file that is missing or not as expected; nothing is half-written then.
    """
    report = build(read(evaluation))
    _publish("ablation", report, report.figures(), f"Ablation report: {report.study}", Path(out))


def compare(evaluation: Path, other: Path, out: Path) -> None:
    """Write `out`/compare.md and compare.html: what differs between two studies in settings, data and verdicts."""
    view = changes(read(evaluation), read(other))
    _publish("compare", view, [], f"{view.this} beside {view.other}", Path(out))


def _publish(name: str, view: Any, figures: Iterable[Figure], title: str, out: Path) -> None:
    """Draw and render into a neighbouring folder, then move: a reader never meets half a report."""
    drawings = {figure.name: figure.plot.draw(figure.name) for figure in figures}
    out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out, prefix=".report-") as folder:
        fresh = Path(folder)
        (fresh / "figures").mkdir()
        for stem, drawing in drawings.items():
            (fresh / f"figures/{stem}.{drawing.suffix}").write_bytes(drawing.picture)
        template = f"{name}.md.j2"
        (fresh / f"{name}.md").write_text(markdown.page(template, view, drawings), encoding="utf-8")
        (fresh / f"{name}.html").write_text(html.page(template, view, drawings, title), encoding="utf-8")
        if drawings:
            shutil.rmtree(out / "figures", ignore_errors=True)
            (fresh / "figures").replace(out / "figures")
        for page in (f"{name}.md", f"{name}.html"):
            (fresh / page).replace(out / page)
