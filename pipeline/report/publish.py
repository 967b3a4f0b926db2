"""From an evaluation folder to files: the only part of the room that writes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pipeline.common.files import write_text
from pipeline.report import html, markdown
from pipeline.report.blocks import Drawing
from pipeline.report.comparing import changes
from pipeline.report.model import build
from pipeline.results.read import read


def render(evaluation: Path, out: Path) -> None:
    """Write `out`/ablation.md, ablation.html, summary.md and figures/ from the folder `evaluation`.

    Raises UserError naming the file that is missing or not as expected; nothing is half-written then.
    """
    report = build(read(evaluation))
    drawings = {figure.name: figure.plot.draw(figure.name) for figure in report.figures()}
    with _fresh(out) as folder:
        (folder / "figures").mkdir()
        for stem, drawing in drawings.items():
            (folder / f"figures/{stem}.{drawing.suffix}").write_bytes(drawing.picture)
        _write(folder, "ablation", report, drawings, f"Ablation report: {report.study}")
        write_text(folder / "summary.md", markdown.page("summary.md.j2", report, drawings))


def compare(evaluation: Path, other: Path, out: Path) -> None:
    """Write `out`/compare.md and compare.html: what differs between two studies in settings, data and verdicts."""
    view = changes(read(evaluation), read(other))
    with _fresh(out) as folder:
        _write(folder, "compare", view, {}, f"{view.this} beside {view.other}")


def _write(folder: Path, name: str, view: Any, drawings: Mapping[str, Drawing], title: str) -> None:
    """The page as Markdown and as html."""
    write_text(folder / f"{name}.md", markdown.page(f"{name}.md.j2", view, drawings))
    write_text(folder / f"{name}.html", html.page(f"{name}.md.j2", view, drawings, title))


@contextmanager
def _fresh(out: Path) -> Iterator[Path]:
    """A folder to write into; what is in it takes its place in `out` at the end: a reader never meets half a report."""
    out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out, prefix=".report-") as name:
        folder = Path(name)
        yield folder
        for path in sorted(folder.iterdir()):
            if path.is_dir():
                shutil.rmtree(out / path.name, ignore_errors=True)
            path.replace(out / path.name)
