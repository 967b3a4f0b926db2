"""How a comparison is made: the `evaluation` section of params.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Pairing = Literal["none", "seeds"]
Claim = Literal["full", "one_seed", "two_seeds", "refused"]


@dataclass(frozen=True)
class Settings:
    """`equivalence` is the half-width, in AP, of what is too small to matter; `alpha` is for all variants together."""

    resamples: int = 2000
    seed: int = 0
    equivalence: float = 0.005
    alpha: float = 0.05
    pairing: Pairing = "none"
