"""What a module says of itself: its file's docstring and its constructor's options, read without importing torch."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from pipeline import attention
from pipeline.study.code import source_of


@dataclass(frozen=True)
class About:
    """The parts of a docstring whose first paragraph is `NAME: paper, authors, year. link, where in it`.

    The next paragraphs are the formula in words; one that begins with `Differences:` says what differs between paper,
    authors' code and copies; what stands after it are remarks. `options` maps each option to its default as written,
    "" where it has none; `forms` are the published forms, the default first, and empty where there is one alone.
    """

    paper: str
    link: str = ""
    where: str = ""
    formula: tuple[str, ...] = ()
    differs: str = ""
    remarks: tuple[str, ...] = ()
    summary: str = ""
    options: tuple[tuple[str, str], ...] = ()
    forms: tuple[str, ...] = ()

    @property
    def year(self) -> str:
        found = re.search(r"\b(19|20)\d\d\b", self.paper)
        return found[0] if found else ""


def about(name: str) -> About:
    """What the class that `name` names says of itself; its name alone where its file is not of this project."""
    source = source_of(attention.module_of(name))
    if source is None:
        return About(paper=name)
    tree = ast.parse(source.read_text(encoding="utf-8"))
    kinds = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    elsewhere = ":" in name
    kind = next(
        (node for node in kinds if (node.name == attention.label(name) if elsewhere else _is_attention(node))), None
    )
    return _read(ast.get_docstring(tree) or name, kind)


def _is_attention(kind: ast.ClassDef) -> bool:
    return any(ast.unparse(base).rpartition(".")[2] == "Attention" for base in kind.bases)


def _read(text: str, kind: ast.ClassDef | None) -> About:
    title, *paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", text)]
    link = re.search(r"https?://[^\s,)]+", title)
    at = next((i for i, part in enumerate(paragraphs) if part.startswith("Differences:")), len(paragraphs))
    options = _options(kind) if kind else {}
    return About(
        paper=title.partition("http")[0].strip() if link else title,
        link=link[0].rstrip(".") if link else "",
        where=title[link.end() :].strip(" ,.") if link else "",
        formula=tuple(paragraphs[:at]),
        differs=" ".join(paragraphs[at : at + 1]).removeprefix("Differences:").strip(),
        remarks=tuple(paragraphs[at + 1 :]),
        summary=((ast.get_docstring(kind) or "") if kind else "").partition("\n")[0],
        options=tuple((key, value) for key, value in options.items() if key != "form"),
        forms=_forms(kind, ast.literal_eval(options.get("form", "'paper'"))) if kind else (),
    )


def _options(kind: ast.ClassDef) -> dict[str, str]:
    made = next((node for node in kind.body if isinstance(node, ast.FunctionDef) and node.name == "__init__"), None)
    if made is None:
        return {}
    plain = made.args.args[2:]  # after self and channels
    filled = [None] * (len(plain) - len(made.args.defaults)) + made.args.defaults[-len(plain) :] if plain else []
    pairs = [*zip(plain, filled, strict=True), *zip(made.args.kwonlyargs, made.args.kw_defaults, strict=True)]
    return {argument.arg: ast.unparse(default) if default else "" for argument, default in pairs}


def _forms(kind: ast.ClassDef, main: str) -> tuple[str, ...]:
    for node in kind.body:
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "forms" and isinstance(node.value, ast.Dict):
            return (main, *(str(ast.literal_eval(key)) for key in node.value.keys if key))
    return ()
