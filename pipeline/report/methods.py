"""What each variant is: modules, places, initialisation, weights, and the settings that differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.records.run import LoadedWeights
from pipeline.records.study import ModuleFacts, VariantFacts
from pipeline.report.blocks import Table
from pipeline.report.records import differences
from pipeline.report.text import Markdown, code, escape, prose
from pipeline.report.words import count
from pipeline.results.read import Evidence
from pipeline.study.sections import PLACES


@dataclass(frozen=True)
class Method:
    """`facts` are sentences; `changes` are the config entries in which the variant differs from the baseline."""

    name: str
    title: str
    formulas: Sequence[Markdown]
    facts: Sequence[Markdown]
    changes: Table | None


def methods(evidence: Evidence) -> list[Method]:
    described = evidence.study.variants
    return [_method(name, described[name], evidence.baseline) for name in evidence.names]


def _method(name: str, variant: VariantFacts, baseline: str) -> Method:
    facts = [fact for module in variant.attention for fact in _module(module)]
    facts.append(Markdown(f"Weights loaded: {_weights(variant.weights)}."))
    return Method(
        name=name,
        title=variant.title,
        formulas=[prose(module.formula) for module in variant.attention if module.formula],
        facts=facts,
        changes=differences(f"Settings of {name} that differ", variant.config_differences, (baseline, name)),
    )


def _module(module: ModuleFacts) -> list[Markdown]:
    chosen = {"stages": module.stages, "levels": module.levels}
    where = [f"{what} {', '.join(map(str, numbers))}" for what, numbers in chosen.items() if numbers is not None]
    options = ", ".join(f"{key} = {value}" for key, value in module.options.items())
    place = PLACES.get(module.place, module.place)  # modules of the user's choice have no other words
    facts = [
        Markdown(f"Module: {escape(module.name)} ({_link(module)}); options: {escape(options or 'defaults')}."),
        Markdown(f"Place: {escape(place)}{escape('; ' + ', '.join(where)) if where else ''}."),
        Markdown(f"Form: {escape(module.form)}; initialisation: {escape(module.init)}."),
    ]
    if module.differs:
        facts.append(Markdown(f"What differs: {prose(module.differs)}"))
    return facts


def _link(module: ModuleFacts) -> Markdown:
    paper = (module.paper or "no paper stated").rstrip(".")
    if not module.link.startswith("https://") or any(mark in module.link for mark in " ()<>\"'"):
        return escape(paper)
    return Markdown(f"[{escape(paper)}]({module.link})")


def _weights(weights: LoadedWeights | None) -> Markdown:
    if weights is None:
        return Markdown("none, random initial weights")
    return Markdown(
        f"{escape(weights.file)} (sha256 {code(weights.sha256)}), {count(weights.loaded)} keys; "
        f"{count(len(weights.missing))} of the model's keys are not in the file, "
        f"{count(len(weights.unexpected))} of the file's are not in the model"
    )
