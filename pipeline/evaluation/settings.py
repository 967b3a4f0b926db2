"""How a comparison is made: the `evaluation` section of params.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipeline.study.sections import Evaluation, Pairing

Claim = Literal["full", "one_seed", "two_seeds", "refused"]
DEFAULT = Evaluation()


@dataclass(frozen=True)
class Settings:
    """`equivalence` is the half-width, in AP, of what is too small to matter; `alpha` is for all variants together."""

    resamples: int = DEFAULT.resamples
    seed: int = DEFAULT.seed
    equivalence: float = DEFAULT.equivalence
    alpha: float = DEFAULT.alpha
    pairing: Pairing = DEFAULT.pairing

    @classmethod
    def of(cls, section: Evaluation) -> Settings:
        return cls(**section.model_dump(include=set(cls.__dataclass_fields__)))
