"""The only room that imports MMDetection: configs, placement, training, prediction and cost."""

import contextlib
import io

with contextlib.redirect_stdout(io.StringIO()):  # the fork prints on import that an optional part is absent
    import mmdet.datasets  # noqa: F401
