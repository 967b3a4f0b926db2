"""SOFT: a gate to be read, 2026. https://example.org/soft

Nothing is computed.
"""

from torch import nn


class Hard(nn.Module):
    def __init__(self, channels: int, other: int = 2) -> None:
        super().__init__()


class Soft(nn.Module):
    def __init__(self, channels: int, scale: float = 1.0, *, sharp: bool = True) -> None:
        super().__init__()
