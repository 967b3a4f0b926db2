"""Blocks as one self-contained page: the same templates, other tables and figures."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from html import escape as html_escape
from itertools import pairwise
from typing import Any

import jinja2
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from pipeline.common.text import plain
from pipeline.report import markdown
from pipeline.report.blocks import Alert, Column, Drawing, Figure, Table
from pipeline.report.text import Markdown, escape

BLOCK = "block"  # the info string of a fence that stands for an already rendered block


def page(template: str, view: Any, drawings: Mapping[str, Drawing], title: str) -> str:
    """The report as one HTML file: text by markdown-it, tables that sort, figures inline."""
    blocks: list[str] = []
    reader = _reader(blocks)

    def place(html: str) -> Markdown:
        blocks.append(html)
        return Markdown(f"\n```{BLOCK}\n{len(blocks) - 1}\n```\n")

    def show(block: Alert | Table | Figure) -> Markdown:
        if isinstance(block, Alert):
            return place(_alert(block, reader))
        if isinstance(block, Table):
            return place(_table(block, reader))
        return place(_figure(block, drawings[block.name], reader))

    def details(summary: str, caller: Callable[[], str]) -> Markdown:
        opening = place(f"<details><summary>{html_escape(plain(summary))}</summary>")
        return Markdown(f"{opening}\n{caller()}\n{place('</details>')}")

    environment = markdown.environment()
    text = environment.get_template(template).render(view=view, show=show, details=details, fence=markdown.fence)
    tokens = reader.parse(text)
    contents = _contents(tokens)
    body = reader.renderer.render(tokens, reader.options, {})
    shell = jinja2.Environment(loader=jinja2.PackageLoader("pipeline.report"), autoescape=True, trim_blocks=True)
    return shell.get_template("page.html.j2").render(title=plain(title), body=body, contents=contents)


def _reader(blocks: list[str]) -> MarkdownIt:
    """A reader that passes no HTML of the text, and puts each rendered block where its fence stands."""
    reader = MarkdownIt("commonmark", {"html": False})

    def fence(self: RendererHTML, tokens: list[Token], index: int, options: Any, env: Any) -> str:
        token = tokens[index]
        if token.info == BLOCK:
            return blocks[int(token.content)]
        return f'<pre tabindex="0"><code>{html_escape(token.content)}</code></pre>\n'

    reader.add_render_rule("fence", fence)
    return reader


def _contents(tokens: list[Token]) -> list[tuple[str, str]]:
    """Give every section an id, and list them: (id, title)."""
    found: list[tuple[str, str]] = []
    for token, text in pairwise(tokens):
        if token.type == "heading_open" and token.tag == "h2":
            anchor = f"section-{len(found) + 1}"
            token.attrSet("id", anchor)
            found.append((anchor, "".join(child.content for child in text.children or [])))
    return found


def _alert(block: Alert, reader: MarkdownIt) -> str:
    lines = "".join(f"<p>{reader.renderInline(escape(line))}</p>" for line in block.lines)
    kind = block.kind.lower()
    return f'<div class="alert {kind}" role="note"><p class="kind">{kind.capitalize()}</p>{lines}</div>\n'


def _table(block: Table, reader: MarkdownIt) -> str:
    name, kind = html_escape(block.name), ' class="narrow"' if block.narrow else ""
    head = "".join(_head(column, reader) for column in block.columns)
    rows = []
    for row in block.rows:
        cells = []
        for index, (cell, column) in enumerate(zip(row, block.columns, strict=True)):
            sort = "" if cell.sort is None else f' data-sort="{cell.sort}"'
            tag = 'th scope="row"' if index == 0 else "td"
            text = reader.renderInline(escape(cell.text))
            cells.append(f"<{tag}{_numeric(column.numeric)}{sort}>{text}</{tag[:2]}>")
        rows.append(f"<tr>{''.join(cells)}</tr>\n")
    return (
        f'<div class="scroll" role="region" aria-label="{name}" tabindex="0"><table{kind}><caption>{name}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>{''.join(rows)}</tbody></table></div>\n"
    )


def _head(column: Column, reader: MarkdownIt) -> str:
    if not column.title:
        return "<td></td>"
    title = reader.renderInline(escape(column.title))
    return f'<th scope="col"{_numeric(column.numeric)}><button type="button">{title}</button></th>'


def _numeric(numeric: bool) -> str:
    return ' class="number"' if numeric else ""


def _figure(block: Figure, drawing: Drawing, reader: MarkdownIt) -> str:
    alt = html_escape(plain(block.alt))
    if drawing.svg:
        picture = drawing.svg.replace("<svg ", f'<svg role="img" aria-label="{alt}" ', 1)
    else:
        data = base64.b64encode(drawing.picture).decode()
        width, height = drawing.size
        picture = f'<img src="data:image/{drawing.suffix};base64,{data}" alt="{alt}" width="{width}" height="{height}">'
    view = f'<div class="scroll" role="region" aria-label="figure: {block.name}" tabindex="0">{picture}</div>'
    return f"<figure>{view}<figcaption>{reader.renderInline(block.caption)}</figcaption></figure>\n"
