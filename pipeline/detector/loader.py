"""MMEngine's loader of checkpoints, replaced: where the safe way refuses a file, its own runs what the file says.

Importing this registers the replacement for every address that MMEngine knows, whoever asks: `init_cfg`, `load_from`,
resuming, `mmdet.apis.init_detector`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmengine.runner.checkpoint import CheckpointLoader

from pipeline.common.errors import UserError
from pipeline.detector import tensors


def load_from_disk(filename: str, map_location: Any = None) -> dict[str, Any]:
    """A checkpoint by its path, read without running anything. Raises UserError, also for an address elsewhere."""
    if "://" in filename:
        raise UserError(
            f"{filename}: not fetched, since nothing would check it; name it in detector.weights, or give a local path"
        )
    content = tensors.read(Path(filename).expanduser())
    if isinstance(content.get("meta"), dict):
        content["meta"].pop("config", None)  # MMEngine runs it as Python when it resumes
    return content


CheckpointLoader.register_scheme(list(CheckpointLoader._schemes), load_from_disk, force=True)
