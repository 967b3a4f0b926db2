"""The data set of a study: read, check, repair, draw, divide, and a card that says what was done.

`prepare` is the stage; `load_split` reads one prepared split back.
"""

from pipeline.dataset.card import text
from pipeline.dataset.prepare import prepare
from pipeline.dataset.prepared import load_split

__all__ = ["load_split", "prepare", "text"]
