"""Blocks as GitHub's Markdown."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import jinja2

from pipeline.report.blocks import Alert, Drawing, Figure, Table
from pipeline.report.text import Markdown, code, escape


def environment() -> jinja2.Environment:
    """Templates in which every value is escaped unless it is `Markdown`."""
    found = jinja2.Environment(
        loader=jinja2.PackageLoader("pipeline.report"),
        undefined=jinja2.StrictUndefined,
        finalize=escape,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    found.filters["code"] = code
    return found


def page(template: str, view: Any, drawings: Mapping[str, Drawing]) -> str:
    """The report as one Markdown file; its pictures stand in figures/."""

    def show(block: Alert | Table | Figure) -> Markdown:
        if isinstance(block, Alert):
            return alert(block)
        return table(block) if isinstance(block, Table) else figure(block, drawings[block.name])

    text = environment().get_template(template).render(view=view, show=show, details=details, fence=fence)
    return re.sub(r"\n{3,}", "\n\n", text)


def alert(block: Alert) -> Markdown:
    lines = [f"> {escape(line)}" for line in block.lines]
    return Markdown(f"> [!{block.kind}]\n" + "\n>\n".join(lines))


def table(block: Table) -> Markdown:
    """A GFM table: numbers to the right, every row on one line."""
    lines: list[list[str]] = [
        [escape(column.title) for column in block.columns],
        ["---:" if column.numeric else ":---" for column in block.columns],
    ]
    lines += [[escape(cell.text) for cell in row] for row in block.rows]
    return Markdown("\n".join(f"| {' | '.join(line)} |" for line in lines))


def figure(block: Figure, drawing: Drawing) -> Markdown:
    path = quote(f"figures/{block.name}.{drawing.suffix}")
    return Markdown(f"![{escape(block.alt)}]({path})\n\n*{block.caption}*")


def details(summary: str, caller: Callable[[], str]) -> Markdown:
    """A folded part; called from templates with `{% call details(...) %}`."""
    return Markdown(f"<details>\n<summary>{escape(summary)}</summary>\n\n{caller().strip()}\n\n</details>")


def fence(text: str, language: str = "text") -> Markdown:
    """Text in a code block that no text can close."""
    mark = "```"
    while mark in text:
        mark += "`"
    return Markdown(f"{mark}{language}\n{text}\n{mark}")
