"""The study in MLflow: a projection of the files, never a truth of its own.

`sync` brings the store to what the files say, `watch` shows cells while they train, `serve` is the way to look.
Importing this loads MLflow (2 to 3 s), so callers import it where they use it.
"""

from pipeline.tracking.errors import TrackingError
from pipeline.tracking.sync import Receipt, sync
from pipeline.tracking.ui import serve
from pipeline.tracking.watch import watch

__all__ = ["Receipt", "TrackingError", "serve", "sync", "watch"]
