"""Ready-made studies, as the params.yaml they start from: demo, article, coco2017, modern."""

from __future__ import annotations

from pathlib import Path

from pipeline.common.errors import UserError
from pipeline.common.files import write_text

FOLDER = Path(__file__).parent


def names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def write(name: str, output: Path, force: bool = False) -> None:
    """Write a preset to `output`. Raises UserError for an unknown name or a file that would be lost."""
    if name not in names():
        raise UserError(f"preset {name!r}: no such preset; allowed: {', '.join(names())}")
    if output.exists() and not force:
        raise UserError(f"{output} exists and is kept; `--force` replaces it, `--output` writes elsewhere")
    write_text(output, (FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    print(f"{output}: preset {name}; next: fill in what it says in capitals, then `dvc repro`")
