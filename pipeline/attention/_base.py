"""What all attention modules share: construction, the forms of a paper, and a start that leaves the input as it is."""

from __future__ import annotations

import inspect
from typing import Any, ClassVar

import torch
from torch import nn

from pipeline.common.errors import UserError

Forms = dict[str, dict[str, Any]]
INITS = ("official", "identity")


class _Constructor(type):
    """Calls a module's `__init__` with checked and completed options, then initialises it.

    A metaclass, so that a subclass writes only `__init__(self, channels, ...)` and `forward(x)`.
    """

    forms: Forms

    def __call__(
        cls, channels: int | None = None, *, in_channels: int | None = None, init: str = "official", **options: Any
    ) -> Any:
        try:
            if init not in INITS:
                raise UserError(f"option `init` is {init!r}; allowed: {', '.join(INITS)}")
            module = super().__call__(cls._width(channels, in_channels), **cls._complete(options))
        except UserError as error:
            raise UserError(f"attention `{cls.__module__.rpartition('.')[2]}`: {error}") from None
        if init == "identity":
            module.identity_scale = nn.Parameter(torch.zeros(()))
            module.register_forward_hook(_towards_output)
        module.init_weights()
        return module

    @staticmethod
    def _width(channels: int | None, in_channels: int | None) -> int:
        if (channels is None) == (in_channels is None):
            raise UserError("give either `channels` or `in_channels`")
        width = in_channels if channels is None else channels
        if not isinstance(width, int) or width < 1:
            raise UserError(f"`channels` is {width!r}; allowed: a whole number of at least 1")
        return width

    def _complete(cls, options: dict[str, Any]) -> dict[str, Any]:
        """The options with the defaults of their form, or an error that lists what there is."""
        if cls.forms:
            form = options.get("form", next(iter(cls.forms)))
            if form not in list(cls.forms):
                raise UserError(f"option `form` is {form!r}; allowed: {', '.join(cls.forms)}")
            defaults = {"form": form, **cls.forms[form]}
        else:
            parameters = list(inspect.signature(cls.__init__).parameters.values())[2:]  # type: ignore[misc]
            if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
                return options
            defaults = {parameter.name: parameter.default for parameter in parameters}
        known = ", ".join(
            f"{key} (required)" if value is inspect.Parameter.empty else f"{key}={value}"
            for key, value in {**defaults, "init": INITS[0]}.items()
        )
        for key in options:
            if key not in defaults:
                raise UserError(f"unknown option `{key}`; allowed: {known}")
        complete = {**defaults, **options}
        for key, value in complete.items():
            if value is inspect.Parameter.empty:
                raise UserError(f"option `{key}` is missing; allowed: {known}")
        return complete


class Attention(nn.Module, metaclass=_Constructor):
    """A module that reweights a feature map: (N, C, H, W) -> (N, C, H, W), type and memory layout kept.

    Every subclass takes `channels` first, or `in_channels=` as an MMDetection plugin does, and `init=`:

    * `official`: as its authors initialise it. Most then scale or scramble a pretrained backbone at step 0.
    * `identity`: y = x + scale * (f(x) - x) with a learnable scale that starts at 0, so that y = x at step 0.

    Weights are set in `init_weights`, which runs after construction, so what `__init__` drew is drawn anew.

    `forms` maps each published form to its default options, the default form first. A module that has forms
    gets `form` and every option by keyword; one that has none declares its options in `__init__`.
    """

    forms: ClassVar[Forms] = {}
    identity_scale: nn.Parameter | None

    def __init__(self) -> None:
        super().__init__()
        self.register_parameter("identity_scale", None)

    def init_weights(self) -> None:
        """Restore the initial state completely; may run any number of times.

        MMEngine calls it after the parent's own initialisation, which overwrites convolutions and norms. Here
        each layer gets torch's default; a module that starts otherwise extends this. Plain `nn.Parameter`s keep
        what they hold unless the module resets them.
        """
        for layer in self.modules():
            reset = getattr(layer, "reset_parameters", None)
            if layer is not self and callable(reset):
                reset()
        if self.identity_scale is not None:
            nn.init.zeros_(self.identity_scale)


def _towards_output(module: Attention, inputs: tuple[torch.Tensor], y: torch.Tensor) -> torch.Tensor:
    """Forward hook of `init: identity`."""
    (x,) = inputs
    assert module.identity_scale is not None
    return torch.lerp(x, y.to(x.dtype), module.identity_scale.to(x.dtype))
