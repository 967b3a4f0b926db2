"""What `doctor` says of GPUs: driver, torch, MMCV's operators and cards, each against the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.commands.finding import Finding, Grade
from pipeline.study.sections import Train

GPU_WAYS = (
    "either install the CUDA toolkit of torch's CUDA version and run `make setup` again after removing .venv, "
    "or run `make setup MMCV_WHEELS=<index> TORCH=<version>`"
)
FREE = 0.9  # of a card's memory: below it someone else uses the card
PREFETCHED = 2  # batches that a data worker holds ready, torch's default


@dataclass(frozen=True)
class Card:
    """A GPU as nvidia-smi has it; memory in MiB, None where it does not say."""

    index: str
    name: str
    capability: str
    total: float | None
    free: float | None


@dataclass(frozen=True)
class Gpus:
    """What the driver, torch and the operators say. CUDA versions as `13.0`; empty means built without, or unknown.

    `architectures` are what torch holds code for: sm_90 for cards of 9.0 and later 9.x, compute_90 for all later ones.
    """

    trouble: str
    driver_cuda: str
    torch_cuda: str
    operators_cuda: str
    seen: bool
    architectures: Sequence[str]
    cards: Sequence[Card]


def gpu_findings(gpus: Gpus, wanted: bool, need: float | None) -> Iterator[Finding]:
    """`wanted` is whether the study trains on a GPU, `need` the MiB that one cell takes of it, where that is known."""
    if not gpus.seen:
        if wanted:
            yield Finding(
                "bad", f"train.device is cuda and torch sees no GPU here{_why_blind(gpus)}; set train.device: cpu, "
                f"or on a machine with an NVIDIA GPU, {GPU_WAYS}",
            )  # fmt: skip
        return
    grade: Grade = "bad" if wanted else "note"
    if not gpus.operators_cuda:
        yield Finding(grade, f"torch sees a GPU but MMCV's operators were built without CUDA: {GPU_WAYS}")
    elif _major(gpus.operators_cuda) != _major(gpus.torch_cuda):
        yield Finding(
            grade, f"MMCV's operators were built with CUDA {gpus.operators_cuda} and torch with {gpus.torch_cuda}: "
            f"{GPU_WAYS}",
        )  # fmt: skip
    else:
        yield Finding("good", f"GPU seen; torch has CUDA {gpus.torch_cuda}, the operators {gpus.operators_cuda}")
    if gpus.driver_cuda and _version(gpus.driver_cuda) < _version(gpus.torch_cuda):
        yield Finding("note", _old_driver(gpus))
    for card in gpus.cards:
        yield _capability(card, gpus.architectures, grade)
        yield from _memory(card, need)


def shared_memory(train: Train, free: float) -> Finding | None:
    """Data workers hand batches over by /dev/shm, of which `free` bytes are left. None without workers."""
    if not train.workers:
        return None
    width, height = train.image_size
    needed = train.processes * train.workers * PREFETCHED * train.batch_size * 3 * width * height
    if free >= needed:
        return Finding("good", f"{free / 2**20:.0f} MiB of /dev/shm free for data workers")
    return Finding(
        "note", f"a cell's data workers may need {needed / 2**20:.0f} MiB of /dev/shm and {free / 2**20:.0f} are free: "
        "give a container --ipc=host or a larger --shm-size, or set fewer train.workers (0 needs none)",
    )  # fmt: skip


def _why_blind(gpus: Gpus) -> str:
    if gpus.trouble:
        return f" ({gpus.trouble})"
    if not gpus.torch_cuda:
        return " (this torch was built without CUDA: remove .venv, then `make setup` takes the public index's)"
    if gpus.driver_cuda and _major(gpus.driver_cuda) < _major(gpus.torch_cuda):
        return f" ({_old_driver(gpus)})"
    return " (nvidia-smi names one: is CUDA_VISIBLE_DEVICES set?)" if gpus.cards else ""


def _old_driver(gpus: Gpus) -> str:
    return (
        f"the driver runs CUDA up to {gpus.driver_cuda} and torch was built with {gpus.torch_cuda}: update the driver, "
        "or `make setup TORCH=<version>` with a torch of the driver's CUDA"
    )


def _capability(card: Card, architectures: Sequence[str], grade: Grade) -> Finding:
    who = f"GPU {card.index}, {card.name}, compute capability {card.capability}"
    if not card.capability or not architectures or runs_on(card.capability, architectures):
        return Finding("good", who)
    return Finding(
        grade, f"{who}: torch holds code for {', '.join(architectures)} alone; `make setup TORCH=<version>` with a "
        "torch that supports this card",
    )  # fmt: skip


def runs_on(capability: str, architectures: Sequence[str]) -> bool:
    """Compiled code runs on cards of its major version from its minor one on, `compute_*` on all later cards."""
    card = _version(capability)
    for architecture in architectures:
        kind, _, digits = architecture.partition("_")
        number = "".join(filter(str.isdigit, digits))
        built = int(number[:-1] or 0), int(number[-1:] or 0)
        if (kind == "compute" and built <= card) or (kind == "sm" and built[0] == card[0] and built <= card):
            return True
    return False


def _memory(card: Card, need: float | None) -> Iterator[Finding]:
    if card.free is None or card.total is None:
        return
    has = f"GPU {card.index} has {card.free / 1024:.1f} of {card.total / 1024:.1f} GiB free"
    if need is not None and card.free < need:
        yield Finding(
            "note", f"{has} and a cell takes {need / 1024:.1f}: `nvidia-smi` names who holds the rest; end it, or "
            "choose other GPUs with CUDA_VISIBLE_DEVICES, or a smaller train.batch_size",
        )  # fmt: skip
    elif need is None and card.free < FREE * card.total:
        yield Finding(
            "note", f"{has}: someone else uses it, `nvidia-smi` names who; choose other GPUs with CUDA_VISIBLE_DEVICES"
        )


def _version(text: str) -> tuple[int, int]:
    major, _, minor = text.partition(".")
    return int(major or 0), int(minor or 0)


def _major(text: str) -> int:
    return _version(text)[0]
