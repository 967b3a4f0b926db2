"""A module with every combination of some values, as variants of params.yaml: the section `sweep`, written out.

`sweep: {se: {reduction: [4, 8], stages: [[2], [3]]}}` stands for se_reduction4_stages2, se_reduction4_stages3,
se_reduction8_stages2 and se_reduction8_stages3. DVC reads the variants alone.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline import attention
from pipeline.common.errors import UserError

BESIDE = ("place", "stages", "levels")  # what stands beside `options` in a variant
Values = Mapping[str, Sequence[Any]]
APART = re.compile(r",(?![^\[{]*[\]}])")  # commas between values, not those within a list


def parse(words: Sequence[str]) -> dict[str, list[Any]]:
    """`reduction=4,8` and `stages=[2],[3]` as lists of values. Raises UserError for a word of another form."""
    found: dict[str, list[Any]] = {}
    for word in words:
        key, equals, values = word.partition("=")
        if not key.isidentifier() or not equals or not values or key in found:
            raise UserError(f"{word!r}: expected an option and its values, each option once, e.g. reduction=4,8,16")
        try:
            found[key] = [YAML(typ="safe").load(value) for value in APART.split(values)]
        except YAMLError:
            raise UserError(f"{word!r}: a value is not valid YAML; e.g. reduction=4,8,16 or stages=[2],[3,4]") from None
    return found


def variants(module: str, values: Values) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each combination as a variant of params.yaml, by its name, the last option changing fastest."""
    for chosen in itertools.product(*values.values()):
        setting = dict(zip(values, chosen, strict=True))
        options = {key: value for key, value in setting.items() if key not in BESIDE}
        beside = {key: value for key, value in setting.items() if key in BESIDE}
        variant = {"attention": module, **({"options": options} if options else {}), **beside}
        yield name(module, setting), variant


def name(module: str, setting: Mapping[str, Any]) -> str:
    """The module, then every option with its value: se_reduction4_stages2_3; a point becomes p, a minus sign m.

    An option with one value stands in it too, so that further values change no name.
    """
    return "_".join([attention.label(module), *(f"{key}{_token(value)}" for key, value in setting.items())])


def _token(value: Any) -> str:
    if isinstance(value, list):
        return "_".join(map(_token, value))
    return re.sub(r"\W", "_", str(value).replace(".", "p").replace("-", "m"))
