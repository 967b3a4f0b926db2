"""`python -m pipeline <command>`: the stages that dvc.yaml calls, and what a person asks in between."""

from __future__ import annotations

import errno
import importlib
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Annotated, NoReturn

import typer

from pipeline.common.errors import UserError
from pipeline.common.paths import PROJECT, Paths
from pipeline.common.text import lines
from pipeline.study.cluster import EngineName

INTERRUPTED = 130  # what typer makes of Ctrl-C, and shells and make take for it
app = typer.Typer(
    help="Ablation studies of attention modules, from params.yaml to a report.",
    add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False,
)  # fmt: skip
START = Path.cwd()
PAGE = PROJECT / "docs" / "attention.md"
HERE = Paths()  # relative: a command stands in the study's root, where `at` has put it


def command(name: str) -> ModuleType:
    """A file of pipeline/commands, loaded when it is called: most commands need neither torch nor MLflow."""
    return importlib.import_module(f"pipeline.commands.{name}")


def given(path: Path) -> Path:
    """A path as the user named it, from where the command was called."""
    return path if Path.cwd() == START else START / path


@app.callback()
def at(
    root: Annotated[
        Path | None, typer.Option(help="the study's folder, with params.yaml; by default the nearest one upwards")
    ] = None,
) -> None:
    """Go to the study's root: MMEngine and DVC take paths relative to it."""
    found = root or next((folder for folder in (START, *START.parents) if Paths(folder).params.exists()), START)
    if not found.is_dir():
        raise UserError(f"--root {found}: no such folder")
    os.chdir(found)


@app.command()
def prepare() -> None:
    """Valid COCO out of whatever came in, and a card that says what was repaired."""
    command("stages").prepare(HERE)


@app.command()
def plan() -> None:
    """The resolved config of each variant, with digests of the code that trains it."""
    command("stages").plan(HERE)


@app.command()
def train(variant: str, seed: int) -> None:
    """Train one cell (or go on with it, or take it as a dispatcher left it) and collect it."""
    command("train").train(HERE, variant, seed)


@app.command()
def more() -> None:
    """Train and collect what is asked for beyond variants x seeds: the baseline's own seeds, and later looks."""
    command("train").more(HERE)


@app.command()
def rerun(variant: str, seed: int) -> None:
    """Forget what one cell left, so that it is trained anew: for a run whose training went wrong."""
    command("train").rerun(HERE, variant, seed)


@app.command(name="next")
def next_look() -> None:
    """What the next look of an adaptive study needs, and why."""
    command("next").show(HERE)


@app.command()
def cell(plan: Path, seed: int) -> None:
    """Train one cell of a plan file, without DVC and uncollected: what other machines run."""
    command("train").train_plan(HERE, given(plan), seed)


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
        command("dispatch").cancel(HERE)
    elif command("dispatch").dispatch(HERE, engine, jobs, device, watch):
        raise SystemExit(1)


@app.command()
def estimate() -> None:
    """What the study will take, from a few real iterations of each variant here: time, memory, disk, energy."""
    command("estimate").estimate(HERE)


@app.command()
def cost() -> None:
    """Parameters, multiply-adds and latency of every variant, side by side."""
    command("stages").cost(HERE)


@app.command()
def evaluate() -> None:
    """All metrics and the comparison, from the predictions of the cells that are done."""
    command("stages").evaluate(HERE)


@app.command()
def report(
    compare: Annotated[Path | None, typer.Option(help="another study's data/evaluation, set beside this one")] = None,
) -> None:
    """The report as markdown and as one html page, from data/evaluation alone."""
    command("stages").report(HERE, compare and given(compare))


@app.command()
def track(
    watch: Annotated[bool, typer.Option(help="keep showing running cells until Ctrl-C")] = False,
    interval: Annotated[float, typer.Option(help="seconds between two looks", min=0.5)] = 5.0,
) -> None:
    """Bring the MLflow store in line with the files, or show cells while they train."""
    if watch:
        command("pages").watch(HERE, interval)
    else:
        command("stages").track(HERE)


@app.command()
def ui(port: Annotated[int, typer.Option(help="where to listen on 127.0.0.1", min=1, max=65535)] = 5000) -> None:
    """MLflow's pages over this study, on this machine alone."""
    command("pages").ui(HERE, port)


@app.command()
def power(
    wanted: Annotated[float | None, typer.Option(help="an AP difference to plan for, e.g. 0.01")] = None,
) -> None:
    """From the runs at hand: which differences k seeds and V images would show."""
    command("power").power(HERE, wanted)


@app.command()
def configs(
    words: Annotated[
        list[str] | None, typer.Argument(help="parts of the name, e.g. rtmdet tiny; none lists all")
    ] = None,
) -> None:
    """The configs that MMDetection ships, with backbone, neck and whether a study can train them."""
    command("detectors").configs(words or [])


@app.command()
def places() -> None:
    """Every place for attention in the study's detector, and what each variant adds there."""
    command("detectors").places(HERE)


@app.command()
def status() -> None:
    """Every cell of the study: done, running, interrupted, failed or to do."""
    command("status").show(HERE)


@app.command()
def doctor(quiet: Annotated[bool, typer.Option(help="say only what is wrong")] = False) -> None:
    """Whether this machine can run the study."""
    raise SystemExit(command("doctor").examine(HERE, quiet))


@app.command()
def sweep(
    module: Annotated[str | None, typer.Argument(help="the attention, e.g. se; by default all in params.yaml")] = None,
    values: Annotated[
        list[str] | None, typer.Argument(help="its options with their values, e.g. reduction=4,8 stages=[2],[3]")
    ] = None,
) -> None:
    """Write variants into params.yaml: a module with every combination of some options' values."""
    command("sweep").sweep(HERE, module, values or [])


@app.command()
def attention(
    name: Annotated[str | None, typer.Argument(help="one module, for its formula, options and pitfalls")] = None,
    write: Annotated[bool, typer.Option(help="write the page of all of them, docs/attention.md")] = False,
) -> None:
    """The attention modules that there are: papers, parameters, formulas, options."""
    command("attention").show(name, PAGE if write else None)


@app.command()
def preset(
    name: Annotated[str, typer.Argument(help="demo, article, coco2017 or modern")],
    output: Annotated[Path, typer.Option(help="where to write; an existing file is kept")] = HERE.params,
    force: Annotated[bool, typer.Option(help="replace an existing file")] = False,
) -> None:
    """Write the params.yaml of a ready-made study."""
    command("presets").write(name, output, force)


@app.command()
def data(path: Annotated[Path, typer.Argument(help="a data set's folder, or its annotation file")]) -> None:
    """Look at a data set (COCO, Roboflow, CVAT, VOC, YOLO, LabelMe) and write it into params.yaml."""
    command("data").data(HERE, given(path))


def fail(error: UserError) -> NoReturn:
    """What the user sees of a mistake: the message, and nothing of Python."""
    print(f"error: {lines(error)}", file=sys.stderr, flush=True)
    raise SystemExit(2)


def main() -> None:
    # Processes that a command starts (dvc, torchrun, workers) find this code wherever they stand.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(PROJECT), os.environ.get("PYTHONPATH"))))
    try:
        app()
    except UserError as error:
        fail(error)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        fail(UserError(f"{error.filename or 'a file'}: No space left on device; free some and run the same again"))
    except SystemExit as end:
        if end.code == INTERRUPTED:
            print("interrupted; run the same again to go on", file=sys.stderr, flush=True)
        raise


if __name__ == "__main__":
    main()
