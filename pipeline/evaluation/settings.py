"""How a comparison is made: the `evaluation` section of params.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipeline.study.sections import Evaluation, Pairing

Claim = Literal["full", "one_seed", "two_seeds", "refused"]
DEFAULT = Evaluation()


@dataclass(frozen=True)
class Settings:
    """`equivalence` is the half-width, in AP, of what is too small to matter; `alpha` is for all variants together.

    `looks`: the numbers of seeds at which the study was declared to be judged, the last being its full size; none
    means once, with all seeds. `wanted`: the AP difference that the study is for. `contrasts`: differences between
    variants, as (a, b) for a - b or (both, a, b) for both - a and both - b, or "all" pairs.
    """

    resamples: int = DEFAULT.resamples
    seed: int = DEFAULT.seed
    equivalence: float = DEFAULT.equivalence
    alpha: float = DEFAULT.alpha
    pairing: Pairing = DEFAULT.pairing
    wanted: float | None = None
    looks: tuple[int, ...] = ()
    contrasts: tuple[tuple[str, ...], ...] | Literal["all"] = ()

    @classmethod
    def of(cls, section: Evaluation) -> Settings:
        given = section.model_dump(include=set(cls.__dataclass_fields__))
        declared = section.contrasts if section.contrasts == "all" else tuple(map(tuple, section.contrasts))
        return cls(**{**given, "looks": tuple(section.looks), "contrasts": declared})
