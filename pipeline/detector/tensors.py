"""Files of tensors, read so that nothing in them can run and nothing damaged passes.

torch's archives are read without any type but its own tensors, numbers and containers (`weights_only`, with no type
added); safetensors hold nothing else. torch does not look at an archive's checksums: here they are compared.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from pipeline.common.errors import UserError

BLOCKED = re.compile(r"GLOBAL ([\w.]+)")  # how torch names the type that it refuses
KINDS = {
    "TorchScript": "a TorchScript program",
    "legacy .tar": "an archive of torch before 0.4",
}
AGAIN = "; fetch or copy it again, or name another file"


class Foreign(UserError):
    """The file holds more than tensors, numbers and text: reading it in full would run code that it names."""


class Damaged(UserError):
    """The file ends early, was changed by a bad disk or a broken transfer, or is no file of tensors."""


def read(path: Path) -> dict[str, Any]:
    """What a checkpoint holds, on the CPU: torch's archive as it was saved, a .safetensors as {"state_dict": ...}.

    Raises Foreign and Damaged, both naming the file.
    """
    try:
        if path.suffix == ".safetensors":
            return {"state_dict": load_file(path)}
        archive = zipfile.is_zipfile(path)
        if archive:
            _checksums(path)
        # without mmap: what is checked here must not change while it is used
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=False)
    except UserError:
        raise
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except MemoryError:
        raise UserError(f"{path}: needs more memory than this machine has; is it the file you mean?") from None
    except SafetensorError as error:
        raise Damaged(f"{path}: no safetensors ({error}){AGAIN}") from None
    except Exception as error:  # a file that is none fails in many ways
        raise _refusal(path, str(error), archive) from None
    if not isinstance(content, dict):
        raise Damaged(f"{path}: holds a {type(content).__name__}, no checkpoint{AGAIN}")
    return content


def _checksums(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > 2 * path.stat().st_size:
            raise Damaged(f"{path}: unpacks to more than it weighs, and torch packs no tensors{AGAIN}")
        broken = archive.testzip()
    if broken:
        raise Damaged(f"{path}: damaged, the checksum of {broken} does not match{AGAIN}")


def _refusal(path: Path, message: str, archive: bool) -> UserError:
    blocked = BLOCKED.search(message)
    held = blocked[1] if blocked else next((words for sign, words in KINDS.items() if sign in message), None)
    if archive and not held:  # its checksums are right, so it was written as it is
        held = f"a pickle of another kind than torch's ({message.split(': ')[-1][:80]})"
    if held:
        return Foreign(
            f"{path}: refused, it holds {held}, and reading that could run any program; ask its author for "
            "safetensors or for a checkpoint of the state dict alone"
        )
    return Damaged(f"{path}: damaged, or no checkpoint of torch ({' '.join(message.split())[:120]}){AGAIN}")


def to_bytes(tensors: Mapping[str, Tensor]) -> bytes:
    """The tensors as safetensors; equal tensors under equal names are equal bytes."""
    return save({name: tensors[name].detach().contiguous().clone() for name in sorted(tensors)})
