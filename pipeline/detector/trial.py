"""Modules from outside `pipeline` are tried out before anything trains: a mistake shows in seconds, not after hours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline import attention
from pipeline.attention import Attention
from pipeline.detector.placement import attention_modules
from pipeline.detector.places.maps import build_without_weights


def try_imported(config: Mapping[str, Any]) -> None:
    """Run each imported attention of a resolved config on a small odd map, once for each width it gets.

    Raises UserError where one could not work in a detector.
    """
    model = build_without_weights(config["model"])
    modules = [module for module in attention_modules(model).values() if isinstance(module, Attention)]
    recipes = {repr(module.recipe): module.recipe for module in modules if module.recipe and ":" in module.recipe.name}
    for recipe in recipes.values():
        attention.try_out(recipe.name, recipe.channels, init=recipe.init, **recipe.options)
