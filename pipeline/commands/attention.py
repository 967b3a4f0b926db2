"""The attention modules in the terminal and as docs/attention.md, both from the modules' own docstrings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table

from pipeline import attention
from pipeline.common.errors import UserError
from pipeline.common.files import write_text
from pipeline.study.about import About, about

CHANNELS = 256
STAGE_2 = (100, 168)  # the map of a ResNet's second stage, stride 8, at 800 x 1344
TEMPLATE = Path(__file__).with_suffix(".md")


def show(name: str | None, target: Path | None) -> None:
    """Print all modules or one, or write the page of all to `target`."""
    if target:
        write_text(target, page())
        print(f"{target}: {len(attention.names())} modules")
    elif name:
        if ":" not in name and name not in attention.names():
            raise UserError(f"attention {name!r}: no such module; allowed: {', '.join(attention.names())}")
        Console().print(Markdown("\n".join(section(name))))
    else:
        table = Table(title=f"Attention modules; parameters at {CHANNELS} channels", title_justify="left")
        for heading in ("name", "paper", "year"):
            table.add_column(heading, overflow="fold")
        table.add_column("parameters", justify="right")
        for found in attention.names():
            said = about(found)
            table.add_row(found, _title(said), said.year, f"{parameters(found):,}")
        Console().print(table)
        print("`python -m pipeline attention NAME` shows one; your own: docs/attention.md")


def page() -> str:
    """docs/attention.md."""
    from pipeline.attention._imported import CHANNELS as channel_names

    modules = "\n\n".join("\n".join(section(name)) for name in attention.names())
    text = TEMPLATE.read_text(encoding="utf-8")
    filled = {"table": "\n".join(_table()), "modules": modules, "channels": ", ".join(f"`{c}`" for c in channel_names)}
    for key, value in filled.items():
        text = text.replace(f"{{{key}}}", value)
    return text.rstrip() + "\n"


def _table() -> Iterator[str]:
    yield "| name | paper | year | parameters | pairs of pixels |"
    yield "|---|---|---|--:|--:|"
    for name in attention.names():
        said, pairs = about(name), _pairs(name)
        title = f"[{_title(said)}]({said.link})" if said.link else _title(said)
        yield f"| [{name}](#{name}) | {title} | {said.year} | {parameters(name):,} | {f'{pairs:,}' if pairs else ''} |"


def section(name: str) -> Iterator[str]:
    """One module as lines of markdown."""
    said = about(name)
    yield f"## {name}"
    yield ""
    yield ", ".join(filter(None, (f"{said.paper} {said.link}".strip(), said.where)))
    yield ""
    if said.summary:
        yield f"*{said.summary}*"
        yield ""
    for paragraph in said.formula:
        yield paragraph
        yield ""
    options = [f"`{key}={value}`" if value else f"`{key}` (required)" for key, value in said.options]
    if said.forms:
        options.insert(0, f"`form={said.forms[0]}` (or {', '.join(said.forms[1:])})")
    yield f"Options: {', '.join([*options, '`init=official` (or identity)'])}."
    yield ""
    if said.differs:
        yield f"**Differences:** {said.differs}"
        yield ""
    for paragraph in said.remarks:
        yield paragraph
        yield ""


def parameters(name: str) -> int:
    """Learnable parameters at CHANNELS channels, options at their defaults; nothing is drawn or stored."""
    import torch

    with torch.device("meta"):
        return sum(parameter.numel() for parameter in attention.build(name, CHANNELS).parameters())


def _pairs(name: str) -> int:
    import torch

    with torch.device("meta"):
        return attention.build(name, CHANNELS).pixel_pairs(*STAGE_2)


def _title(said: About) -> str:
    """Name and title, without authors and year."""
    return said.paper.rsplit(", ", 2)[0] if said.year else said.paper
