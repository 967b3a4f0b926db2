"""`python -m pipeline <command>`: the stages that dvc.yaml calls, and what a person asks in between."""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands import stages
from pipeline.common.errors import UserError
from pipeline.study.cluster import EngineName

INTERRUPTED = 130  # what typer makes of Ctrl-C, and shells and make take for it
app = typer.Typer(
    help="Ablation studies of attention modules, from params.yaml to a report.",
    add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False,
)  # fmt: skip


@app.command()
def prepare() -> None:
    """Valid COCO out of whatever came in, and a card that says what was repaired."""
    stages.prepare()


@app.command()
def plan() -> None:
    """The resolved config of each variant, with digests of the code that trains it."""
    stages.plan()


@app.command()
def train(variant: str, seed: int) -> None:
    """Train one cell (or go on with it, or take it from scratch) and collect it."""
    stages.train(variant, seed)


@app.command()
def cell(plan: Path, seed: int) -> None:
    """Train one cell of a plan file in scratch, without DVC: what other machines run."""
    from pipeline.cells import run as room
    from pipeline.common.files import read_json

    room.run(read_json(plan), seed)


@app.command()
def dispatch(
    engine: Annotated[EngineName, typer.Option(help="local: this machine's cores or GPUs; slurm: a cluster")] = "local",
    jobs: Annotated[int | None, typer.Option(help="cells at once; by default all that fit", min=1)] = None,
    device: Annotated[str | None, typer.Option(help="GPUs to use, as in CUDA_VISIBLE_DEVICES: 0,1")] = None,
    watch: Annotated[bool, typer.Option(help="show a live table")] = False,
    cancel: Annotated[bool, typer.Option(help="end this study's dispatchers and jobs instead")] = False,
) -> None:
    """Train all cells that are not finished, many at once; `dvc repro` then collects them in seconds."""
    if cancel:
        stages.cancel()
    elif stages.dispatch(engine, jobs, device, watch):
        raise SystemExit(1)


@app.command()
def cost() -> None:
    """Parameters, multiply-adds and latency of every variant, side by side."""
    stages.cost()


@app.command()
def evaluate() -> None:
    """All metrics and the comparison, from the predictions of the cells that are done."""
    stages.evaluate()


@app.command()
def report(
    compare: Annotated[Path | None, typer.Option(help="another study's data/evaluation, set beside this one")] = None,
) -> None:
    """The report as markdown and as one html page, from data/evaluation alone."""
    stages.report(compare)


@app.command()
def track(
    watch: Annotated[bool, typer.Option(help="keep showing running cells until Ctrl-C")] = False,
    interval: Annotated[float, typer.Option(help="seconds between two looks", min=0.5)] = 5.0,
) -> None:
    """Bring the MLflow store in line with the files, or show cells while they train."""
    if watch:
        stages.watch(interval)
    else:
        stages.track()


@app.command()
def ui(port: Annotated[int, typer.Option(help="where to listen on 127.0.0.1", min=1, max=65535)] = 5000) -> None:
    """MLflow's pages over this study, on this machine alone."""
    stages.ui(port)


@app.command()
def power(
    wanted: Annotated[float | None, typer.Option(help="an AP difference to plan for, e.g. 0.01")] = None,
) -> None:
    """From the runs at hand: which differences k seeds and V images would show."""
    stages.power(wanted)


@app.command()
def status() -> None:
    """Every cell of the study: done, running, interrupted, failed or to do."""
    from pipeline.commands import status as room

    room.show(Path())


@app.command()
def doctor(quiet: Annotated[bool, typer.Option(help="say only what is wrong")] = False) -> None:
    """Whether this machine can run the study."""
    from pipeline.commands import doctor as room

    raise SystemExit(room.examine(Path(), quiet))


@app.command()
def preset(
    name: Annotated[str, typer.Argument(help="demo, article or coco2017")],
    output: Annotated[Path, typer.Option(help="where to write; an existing file is kept")] = Path("params.yaml"),
    force: Annotated[bool, typer.Option(help="replace an existing file")] = False,
) -> None:
    """Write the params.yaml of a ready-made study."""
    from pipeline.commands import presets

    presets.write(name, output, force)


def main() -> None:
    try:
        app()
    except UserError as error:
        stages.fail(error)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        stages.fail(
            UserError(f"{error.filename or 'a file'}: No space left on device; free some and run the same again")
        )
    except SystemExit as end:
        if end.code == INTERRUPTED:
            print("interrupted; run the same again to go on", file=sys.stderr, flush=True)
        raise


if __name__ == "__main__":
    main()
