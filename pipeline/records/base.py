"""The model that every record derives from: how it becomes a file, and how a file becomes it again."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.common.errors import UserError
from pipeline.common.files import read_json, write_json
from pipeline.common.text import plain

SHOWN = 80  # characters of a wrong value that a message repeats


class Part(BaseModel):
    """A piece of a record. Unknown keys are mistakes, infinite numbers too, and values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, protected_namespaces=())


class Record(Part):
    """One JSON file. `SCHEMA` grows when a reader of the old form would misread the new one.

    `MADE_BY` is the command that writes the file anew: what a message names as the way out, or else `WAY_OUT`.
    """

    SCHEMA: ClassVar[int] = 1
    MADE_BY: ClassVar[str] = ""
    WAY_OUT: ClassVar[str] = "delete it: what needs it writes it anew"

    def write(self, path: Path) -> None:
        """Whole or not at all; equal records give equal bytes."""
        write_json(path, self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        return {"schema": self.SCHEMA, **self.model_dump(mode="json")}

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raises UserError where the file is missing, damaged, of another schema, or not as the model has it."""
        found = cls.read_if_there(path)
        if found is None:
            raise UserError(f"{path}: no such file" + (cls._way_out() if cls.MADE_BY else ""))
        return found

    @classmethod
    def read_if_there(cls, path: Path) -> Self | None:
        """As `read`, but None where there is no file (yet): it is optional, or another process is about to write it."""
        try:
            data = read_json(path)
        except FileNotFoundError:
            return None
        except UserError as error:
            raise UserError(f"{error}{cls._way_out()}") from None
        return cls.of(data, path)

    @classmethod
    def of(cls, data: Any, path: Path) -> Self:
        """The record that JSON values hold; `path` is what a message names."""
        if not isinstance(data, dict):
            raise UserError(f"{path}: expected an object, found {type(data).__name__}{cls._way_out()}")
        found = data.get("schema")
        if found != cls.SCHEMA:
            raise UserError(f"{path}: schema {_short(found)}; this version reads schema {cls.SCHEMA}{cls._way_out()}")
        try:
            return cls.model_validate({key: value for key, value in data.items() if key != "schema"})
        except OverflowError as error:  # a whole number with hundreds of digits, where a number is wanted
            raise UserError(f"{path}: {error}{cls._way_out()}") from None
        except ValidationError as error:
            first = error.errors()[0]
            key = plain(".".join(str(part)[:SHOWN] for part in first["loc"])) or "(top level)"
            shown = _short(first["input"])
            what = first["msg"].removeprefix("Value error, ")
            said = f"{what} (value {shown})" if first["type"] != "missing" else "this key is missing"
            raise UserError(f"{path}: {key}: {said}{cls._way_out()}") from None

    @classmethod
    def _way_out(cls) -> str:
        return f"; {cls.MADE_BY} writes it" if cls.MADE_BY else f"; {cls.WAY_OUT}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."
