"""Options as params.yaml gives them -> the arguments of a module's constructor."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from pipeline.attention._base import Forms
from pipeline.attention._checks import one_of
from pipeline.common.errors import UserError

INITS = ("official", "identity")
REQUIRED = inspect.Parameter.empty


def complete(constructor: Callable[..., Any], forms: Forms, options: Mapping[str, Any]) -> dict[str, Any]:
    """`options` with the defaults of `constructor`, or of the one of `forms` that they name.

    The constructor's first parameter is `channels`, the others are its options. One that takes `**options` checks
    their names itself. Raises UserError for an unknown or a missing option, and lists what there is.
    """
    parameters = list(inspect.signature(constructor).parameters.values())[1:]
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return dict(options)
    defaults = {parameter.name: parameter.default for parameter in parameters}
    takes_form = "form" in defaults
    if forms:
        main = defaults.get("form", "paper")
        form = one_of("form", options.get("form", main), (main, *forms))
        defaults = {"form": form} | defaults | forms.get(form, {}) | {"form": form}
    known = ", ".join(
        f"{key} (required)" if value is REQUIRED else f"{key}={value}"
        for key, value in {**defaults, "init": INITS[0]}.items()
    )
    for key in options:
        if key not in defaults:
            raise UserError(f"unknown option `{key}`; allowed: {known}")
    chosen = defaults | dict(options)
    for key, value in chosen.items():
        if value is REQUIRED:
            raise UserError(f"option `{key}` is missing; allowed: {known}")
    return {key: value for key, value in chosen.items() if key != "form" or takes_form}
