"""What each variant is: modules, places, initialisation, weights, and the settings that differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.report.blocks import Table
from pipeline.report.records import differences
from pipeline.report.text import Markdown, escape, prose
from pipeline.results.read import Evidence

PLACES = {
    "after_conv1": "after the first convolution of each residual block",
    "after_conv2": "after the second convolution of each residual block",
    "after_conv3": "after the third convolution of each residual block",
    "before_add": "on the residual branch, before the addition",
    "after_stage": "between the stages",
    "neck": "on the levels of the neck",
}


@dataclass(frozen=True)
class Method:
    """`facts` are sentences; `changes` are the config entries in which the variant differs from the baseline."""

    name: str
    title: str
    formulas: Sequence[Markdown]
    facts: Sequence[Markdown]
    changes: Table | None


def methods(evidence: Evidence) -> list[Method]:
    described: dict[str, Any] = evidence.study["variants"]
    return [_method(name, described[name], evidence.baseline) for name in evidence.names if name in described]


def _method(name: str, variant: dict[str, Any], baseline: str) -> Method:
    facts = [fact for insertion in variant["attention"] for fact in _insertion(insertion)]
    weights = variant.get("weights")
    facts.append(Markdown(f"Weights loaded: {_weights(weights)}."))
    return Method(
        name=name,
        title=str(variant.get("title") or name),
        formulas=[prose(insertion["formula"]) for insertion in variant["attention"] if insertion.get("formula")],
        facts=facts,
        changes=differences(
            f"Settings of {name} that differ", variant.get("config_differences") or {}, (baseline, name)
        ),
    )


def _insertion(insertion: dict[str, Any]) -> list[Markdown]:
    place = PLACES.get(insertion["place"], insertion["place"])
    where = [
        f"{what} {', '.join(map(str, insertion[what]))}"
        for what in ("stages", "levels")
        if insertion.get(what) is not None
    ]
    options = ", ".join(f"{key} = {value}" for key, value in (insertion.get("options") or {}).items())
    facts = [
        Markdown(
            f"Module: {escape(insertion['name'])} ({_link(insertion)}); options: {escape(options or 'defaults')}."
        ),
        Markdown(f"Place: {escape(place)}{escape('; ' + ', '.join(where)) if where else ''}."),
        Markdown(f"Form: {escape(insertion['form'])}; initialisation: {escape(insertion['init'])}."),
    ]
    if insertion.get("differs"):
        facts.append(Markdown(f"What differs: {prose(insertion['differs'])}"))
    return facts


def _link(insertion: dict[str, Any]) -> Markdown:
    paper, link = (insertion.get("paper") or "no paper stated").rstrip("."), insertion.get("link") or ""
    if not link.startswith("https://") or any(mark in link for mark in " ()<>\"'"):
        return escape(paper)
    return Markdown(f"[{escape(paper)}]({link})")


def _weights(weights: Any) -> Markdown:
    if not weights:
        return Markdown("none, trained from scratch")
    if isinstance(weights, dict):
        return escape(
            ", ".join(f"{key} {value}" for key, value in weights.items() if not isinstance(value, dict | list))
        )
    return escape(weights)
