"""Modules by import path: found, given channels by name, started as their constructor has it, tried out."""

from __future__ import annotations

import copy
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from pipeline.attention import Attention, build, known, label, try_out
from pipeline.attention._imported import arguments
from pipeline.common.errors import UserError

GATES = """
import torch
from torch import nn
from pipeline.attention import Attention


class Gate(nn.Module):
    def __init__(self, dim, *, sharpness=1.0):
        super().__init__()
        self.sharpness = sharpness
        self.mix = nn.Conv2d(dim, dim, 1)
        self.shift = nn.Parameter(torch.randn(1, dim, 1, 1))
        nn.init.constant_(self.mix.bias, 3.0)

    def forward(self, x):
        return x * (self.sharpness * self.mix(x) + self.shift).sigmoid()


class Ours(Attention):
    def __init__(self, channels, *, start=0.5):
        super().__init__()
        self.weight = nn.Parameter(torch.full((channels, 1, 1), start))

    def forward(self, x):
        return x * self.weight


class Plain(nn.Module):
    def forward(self, x):
        return 2 * x


class Smaller(Plain):
    def forward(self, x):
        return x[:, :, 1:]


class Pair(Plain):
    def forward(self, x):
        return x, x


class Two(Plain):
    def forward(self, x, y):
        return x + y


class Overwrites(Plain):
    def forward(self, x):
        return x.mul_(2)


class Logarithm(Plain):
    def forward(self, x):
        return x.log()


class Unused(Gate):
    def __init__(self, dim):
        super().__init__(dim)
        self.left = nn.Parameter(torch.zeros(1))


class Fixed(Plain):
    def __init__(self, channels, size=7):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size, size))

    def forward(self, x):
        return x * self.weight


class Broken(Plain):
    def __init__(self, channels):
        raise ValueError("no such luck")


class Zero(Gate):
    def forward(self, x):
        return x + 0 * super().forward(x)
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package and a folder without one, below what stands for the project's root."""
    for file in ("own_package/blocks.py", "own_folder/gates.py"):
        path = tmp_path / file
        path.parent.mkdir()
        path.write_text(GATES)
    (tmp_path / "own_package" / "__init__.py").write_text("")
    (tmp_path / "own_folder" / "syntax.py").write_text("def")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in [name for name in sys.modules if name.startswith("own_")]:
        del sys.modules[name]


@pytest.mark.parametrize("name", ["own_package.blocks:Gate", "own_folder/gates.py:Gate", "own_folder.gates:Gate"])
@pytest.mark.parametrize("init", ["official", "identity"])
def test_a_class_by_its_place(name: str, init: str) -> None:
    module = build(name, 8, sharpness=2.0, init=init)
    x = torch.randn(2, 8, 5, 6)
    assert isinstance(module, Attention)
    assert module.module.sharpness == 2.0
    assert torch.equal(module(x), x if init == "identity" else module.module(x))
    assert label(name) == "Gate"
    try_out(name, 8, init=init)


def test_an_attention_of_this_project_is_taken_as_it_is() -> None:
    module = build("own_package.blocks:Ours", 4, start=0.25)
    assert type(module).__name__ == "Ours"
    with pytest.raises(UserError, match=r"unknown option `begin`; allowed: start=0.5, init=official"):
        build("own_package.blocks:Ours", 4, begin=1)


def test_the_start_is_the_constructors_whatever_a_parent_does_after() -> None:
    """MMDetection's ResNet draws every convolution anew; a plain module has nothing to undo that with."""
    module = build("own_package.blocks:Gate", 4)
    start = copy.deepcopy(module.module.state_dict())
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(torch.nan)
    module.init_weights()
    assert all(torch.equal(value, start[key]) for key, value in module.module.state_dict().items())
    assert bool((module.module.mix.bias == 3).all())


def test_a_fresh_start_depends_on_the_generator_alone() -> None:
    first, second = build("own_package.blocks:Gate", 4), build("own_package.blocks:Gate", 4)
    for module, seed in ((first, 1), (second, 1)):
        torch.manual_seed(seed)
        module.reset_parameters()
        module.init_weights()
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    second.reset_parameters()
    second.init_weights()
    assert not torch.equal(first.get_parameter("module.shift"), second.get_parameter("module.shift"))


def test_copies_and_pickles() -> None:
    module = build("own_package.blocks:Gate", 4, init="identity")
    for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        x = torch.randn(1, 4, 3, 3)
        assert torch.equal(twin.module(x), module.module(x))
        twin.init_weights()


def test_mmcvs_registry() -> None:
    module = build("mmcv:ContextBlock", 32, ratio=1 / 8)
    x = torch.randn(2, 32, 5, 6)
    assert torch.equal(module(x), x)
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)  # as a ResNet without weights does
    assert not torch.equal(module(x), x)
    module.init_weights()
    assert torch.equal(module(x), x)
    with pytest.raises(UserError, match=r"MMCV's registry has no 'Nothing'"):
        build("mmcv:Nothing", 32)


def names(*parameters: str) -> type[nn.Module]:
    """A class whose constructor has these parameters; one in capitals has a default."""
    scope: dict[str, type[nn.Module]] = {}
    signature = ", ".join(f"{p.lower()}=1" if p.isupper() else p for p in parameters)
    exec(f"class Made(nn.Module):\n    def __init__(self, {signature}): pass", {"nn": nn}, scope)
    return scope["Made"]


@pytest.mark.parametrize(
    ("parameters", "options", "given"),
    [
        (("channels",), {}, {"channels": 8}),
        (("in_channels", "ratio"), {"ratio": 2}, {"in_channels": 8, "ratio": 2}),
        (("dim",), {}, {"dim": 8}),
        (("planes",), {}, {"planes": 8}),
        (("inp", "oup"), {}, {"inp": 8, "oup": 8}),
        (("in_channels", "OUT_CHANNELS"), {}, {"in_channels": 8}),
        (("in_channels", "out_channels"), {}, {"in_channels": 8, "out_channels": 8}),
        (("c1", "C2", "FACTOR"), {"factor": 4}, {"c1": 8, "factor": 4}),
        (("CHANNELS",), {}, {"channels": 8}),
        (("E_LAMBDA",), {}, {}),
        ((), {}, {}),
        (("channels", "**_"), {}, {"channels": 8}),
    ],
)
def test_channels_by_name_never_by_position(parameters: tuple[str, ...], options: dict, given: dict) -> None:
    assert arguments(names(*parameters), 8, options) == given


@pytest.mark.parametrize(
    ("parameters", "options", "message"),
    [
        (("width",), {}, r"no value for argument `width` of Made: .*channels, in_channels, .*; its arguments: width"),
        (("channels", "size"), {}, r"no value for argument `size`"),
        (("channels", "RATIO"), {"ration": 1}, r"unknown option `ration`; the arguments of Made: channels, ratio=1"),
        (("channels", "**_"), {"ration": 1}, r"unknown option `ration`"),
    ],
)
def test_arguments_that_do_not_fit(parameters: tuple[str, ...], options: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        arguments(names(*parameters), 8, options)


def test_options_that_a_constructor_hands_on() -> None:
    class Wider(names("channels", "RATIO")):  # type: ignore[misc]
        def __init__(self, *args: object, extra: int = 0, **options: object) -> None: ...

    assert arguments(Wider, 8, {"ratio": 2, "extra": 1}) == {"channels": 8, "ratio": 2, "extra": 1}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("own_package.blocks:Missing", r"own_package.blocks has no class Missing that derives from torch.nn.Module"),
        ("own_package.blocks:torch", r"own_package.blocks has no class torch"),
        ("own_package.nothing:Gate", r"own_package.nothing cannot be imported: ModuleNotFoundError"),
        ("own_folder/syntax.py:Gate", r"own_folder.syntax cannot be imported: SyntaxError"),
        ("own_package.blocks:Broken", r"Broken cannot be made: ValueError: no such luck"),
    ],
)
def test_a_class_that_cannot_be_had(name: str, message: str) -> None:
    with pytest.raises(UserError, match=rf"attention `{name}`: {message}"):
        build(name, 8)


@pytest.mark.parametrize(
    "name", ["/abs/gate.py:Gate", "../gate.py:Gate", "a-b/gate.py:Gate", "gate:", ":Gate", "a/b:C"]
)
def test_a_name_that_names_nothing(name: str) -> None:
    with pytest.raises(UserError, match=r"names no class; allowed: `package.module:Class`, `folder/file.py:Class`"):
        known(name)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("Smaller", r"2 x 8 x 13 x 17: it returns 2 x 8 x 12 x 17; the shape of its input is needed"),
        ("Pair", r"it returns a tuple; one tensor is needed"),
        ("Two", r"its forward pass fails: TypeError: .*missing 1 required positional argument: 'y'"),
        ("Overwrites", r"it writes into its input"),
        ("Logarithm", r"it returns infinite numbers or NaN"),
        ("Unused", r"parameter module.left is not used"),
        ("Fixed", r"its forward pass fails: RuntimeError"),
    ],
)
def test_what_could_not_stand_in_a_detector(kind: str, message: str) -> None:
    with pytest.raises(UserError, match=rf"attention `own_package.blocks:{kind}`: tried on a map of .*{message}"):
        try_out(f"own_package.blocks:{kind}", 8)


def test_identity_twice_would_never_learn() -> None:
    try_out("own_package.blocks:Zero", 8)
    with pytest.raises(UserError, match=r"it starts as the identity already; .* would never learn"):
        try_out("own_package.blocks:Zero", 8, init="identity")


def test_trying_out_leaves_the_generator_alone() -> None:
    before = torch.get_rng_state()
    try_out("own_package.blocks:Plain", 8)
    assert torch.equal(torch.get_rng_state(), before)
