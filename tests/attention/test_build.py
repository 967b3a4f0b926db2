"""Names, options, errors, and a module of the user's own."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from pipeline import attention
from pipeline.attention import Attention, build, names
from pipeline.common.errors import UserError

ARTICLE = ["bam", "cbam", "coordinate", "eca", "gam", "polarized", "se", "sge", "shuffle"]

RECENT = ["danet", "ela", "ema", "gc", "generalized", "lsk", "mlca", "nam", "non_local", "scsa", "simam", "triplet"]

USER_MODULE = """
from torch import nn
from pipeline.attention import Attention

class Mine(Attention):
    def __init__(self, channels, sharpness=1.0):
        super().__init__()
        self.sharpness = sharpness
        self.gate = nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        return x * (self.sharpness * self.gate(x)).sigmoid()
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A second folder of modules, forgotten after the test."""
    monkeypatch.setattr(attention, "__path__", [*attention.__path__, str(tmp_path)])
    known = set(sys.modules)
    yield tmp_path
    for module in set(sys.modules) - known:
        if module.startswith("pipeline.attention."):
            del sys.modules[module]
            monkeypatch.delattr(attention, module.rpartition(".")[2], raising=False)


def test_names_are_the_files() -> None:
    assert names() == sorted(ARTICLE + RECENT)


def test_names_need_no_torch() -> None:
    code = "import sys; from pipeline.attention import names; names(); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", ARTICLE)
def test_every_module_has_the_articles_form_and_both_spellings_of_channels(name: str) -> None:
    module = build(name, 256, form="article")
    assert isinstance(module, Attention)
    twin = build(name, in_channels=256, form="article")
    twin.load_state_dict(module.state_dict())
    x = torch.randn(2, 256, 3, 3)
    assert torch.equal(twin(x), module(x))


def test_form_sets_defaults_and_options_override() -> None:
    assert build("cbam", 64).conv.kernel_size == (7, 7)
    assert build("cbam", 64, form="article").conv.kernel_size == (49, 49)
    module = build("cbam", 64, form="article", kernel_size=7)
    assert module.conv.kernel_size == (7, 7)
    assert module.conv.bias is not None
    assert build("shuffle", 128).groups == 64
    assert build("shuffle", 128, form="article").groups == 8
    assert build("bam", 64, form="article").spatial[3].dilation == (2, 2)


@pytest.mark.parametrize("name", ARTICLE + RECENT)
def test_a_class_stands_alone_with_the_options_of_its_init(name: str) -> None:
    """`SE(64)` is what `build("se", 64)` gives, at its authors' start; forms name options that exist."""
    built = build(name, 256)
    kind: Callable[..., Attention] = type(built)
    alone = kind(256)
    assert repr(alone) == repr(built)
    for key, value in built.state_dict().items():
        if value.numel() > 1 and value.unique().numel() == 1:  # a constant start; the others are drawn
            assert torch.equal(alone.state_dict()[key], value), key
    options = list(inspect.signature(kind).parameters)[1:]
    assert all(set(differing) <= set(options) for differing in built.forms.values())


@pytest.mark.parametrize(
    ("channels", "size"), [(64, 3), (128, 5), (256, 5), (512, 5), (1024, 5), (2048, 7), (16, 3), (1, 1)]
)
def test_adaptive_kernel_size(channels: int, size: int) -> None:
    assert build("eca", channels).conv.kernel_size == (size,)


@pytest.mark.parametrize("name", ["se", "cbam", "bam", "coordinate", "gam"])
def test_few_channels_keep_a_hidden_one(name: str) -> None:
    x = torch.randn(2, 3, 4, 4)
    assert build(name, 3)(x).shape == x.shape


BAD = [
    ("sse", 64, {}, r"unknown attention 'sse'; allowed: bam, cbam, coordinate, danet"),
    ("se", 64, {"ratio": 4}, r"`se`: unknown option `ratio`; allowed: form=paper, reduction=16, bias=False, init=off"),
    ("cbam", 64, {"form": "article", "k": 4}, r"allowed: form=article, reduction=16, kernel_size=49"),
    ("cbam", 64, {"form": "official"}, r"option `form` is 'official'; allowed: paper, article"),
    ("se", 64, {"form": ["paper"]}, r"option `form` is \['paper'\]; allowed"),
    ("se", 64, {"init": "zero"}, r"option `init` is 'zero'; allowed: official, identity"),
    ("se", 64, {"reduction": 0}, r"option `reduction` is 0; allowed: a whole number of at least 1"),
    ("se", 64, {"reduction": "16"}, r"option `reduction` is '16'; allowed: a whole number"),
    ("se", 64, {"bias": "no"}, r"option `bias` is 'no'; allowed: True, False"),
    ("se", 0, {}, r"`channels` is 0; allowed: a whole number of at least 1"),
    ("se", None, {}, r"either `channels` or `in_channels`"),
    ("cbam", 64, {"kernel_size": 6}, r"option `kernel_size` is 6; allowed: an odd number"),
    ("bam", 64, {"dilation": 1.5}, r"option `dilation` is 1.5; allowed: a whole number"),
    ("bam", 64, {"spatial_layers": -1}, r"option `spatial_layers` is -1; allowed: a whole number of at least 0"),
    ("eca", 64, {"gamma": 0}, r"option `gamma` is 0; allowed: a number above 0"),
    ("eca", 64, {"kernel_size": 4}, r"option `kernel_size` is 4; allowed: an odd number"),
    ("shuffle", 64, {}, r"option `groups` is 64; 64 channels .* multiple of 2; largest that fits: 32"),
    ("shuffle", 36, {"form": "article"}, r"largest that fits: 6"),
    ("shuffle", 7, {}, r"largest that fits: none"),
    ("sge", 100, {}, r"option `groups` is 64; 100 channels .*; largest that fits: 50"),
    ("gam", 24, {"groups": 4}, r"option `groups` is 4; 6 channels .*; largest that fits: 3"),
    ("polarized", 64, {"mode": "both"}, r"option `mode` is 'both'; allowed: parallel, sequential"),
    ("polarized", 7, {}, r"7 channels; form paper, mode parallel needs a multiple of 2"),
    ("polarized", 20, {"form": "official", "mode": "sequential"}, r"20 channels; .* needs a multiple of 8"),
    ("gc", 16, {}, r"option `ratio` is 0.0625; 16 channels leave 1 hidden .*; allowed: at least 0.125"),
    ("gc", 64, {"ratio": -1}, r"option `ratio` is -1; allowed: a number above 0"),
    ("gc", 64, {"fusion": "both"}, r"option `fusion` is 'both'; allowed: channel_add, channel_mul"),
    ("simam", 64, {"regularization": 0}, r"option `regularization` is 0; allowed: a number above 0"),
    ("triplet", 64, {"kernel_size": 4}, r"option `kernel_size` is 4; allowed: an odd number"),
    ("triplet", 64, {"no_spatial": "yes"}, r"option `no_spatial` is 'yes'; allowed: True, False"),
    ("non_local", 64, {"mode": "gaussian"}, r"option `mode` is 'gaussian'; allowed: embedded_gaussian, dot_product"),
    ("generalized", 64, {"heads": 9}, r"64 channels; option `heads` 9 needs a multiple of 9"),
    ("generalized", 64, {"attention_type": 1111}, r"option `attention_type` is 1111; allowed: four digits .* '1111'"),
    ("generalized", 64, {"attention_type": "0000"}, r"'0000'; allowed: at least one digit 1"),
    ("generalized", 6, {"heads": 2}, r"6 channels; option `attention_type` '1111', .* needs a multiple of 4"),
    ("danet", 7, {}, r"7 channels; .* allowed: at least 8"),
    ("danet", 64, {"form": "article"}, r"option `form` is 'article'; allowed: official, paper"),
    ("lsk", 1, {}, r"`channels` is 1; allowed: a whole number of at least 2"),
    ("ema", 48, {}, r"48 channels; option `factor` needs a multiple of 32"),
    ("ela", 24, {}, r"24 channels; option `variant` B needs a multiple of 16"),
    ("ela", 64, {"variant": "M"}, r"option `variant` is 'M'; allowed: T, B, S, L"),
    ("mlca", 64, {"local_weight": 2}, r"option `local_weight` is 2; allowed: a number from 0 to 1"),
    ("mlca", 64, {"local_size": 0}, r"option `local_size` is 0; allowed: a whole number of at least 1"),
    ("scsa", 30, {}, r"30 channels; scsa, for its four kernels, needs a multiple of 4"),
    ("scsa", 64, {"heads": 3}, r"64 channels; option `heads` 3 needs a multiple of 3"),
    ("nam", 64, {"form": "paper"}, r"unknown option `form`; allowed: init=official"),
]


@pytest.mark.parametrize(("name", "channels", "options", "message"), BAD)
def test_bad_input_is_one_clear_error(name: str, channels: int | None, options: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        build(name, channels, **options)


def test_a_module_of_the_users_own(folder: Path) -> None:
    (folder / "mine.py").write_text(USER_MODULE)
    assert "mine" in names()
    module = build("mine", 8, sharpness=2.0, init="identity")
    x = torch.randn(2, 8, 5, 5)
    assert torch.equal(module(x), x)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        (module(x) - 2 * x).pow(2).sum().backward()
        optimizer.step()
    assert all(bool(parameter.grad.any()) for parameter in module.parameters())
    nn.init.zeros_(module.get_parameter("gate.weight"))
    module.init_weights()
    assert bool(module.gate.weight.any())
    assert torch.equal(module(x), x)
    with pytest.raises(UserError, match=r"`mine`: unknown option `sharp`; allowed: sharpness=1.0, init=official"):
        build("mine", 8, sharp=1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\n", r"mine.py: one public class derived from Attention is needed; found: none"),
        (USER_MODULE + "\nclass Other(Mine): ...\n", r"mine.py: .* found: Mine, Other"),
        (USER_MODULE.replace("=1.0", ""), r"`mine`: option `sharpness` is missing; allowed: sharpness \(required\)"),
    ],
    ids=["none", "two", "required"],
)
def test_a_file_that_cannot_be_used(folder: Path, text: str, message: str) -> None:
    (folder / "mine.py").write_text(text)
    with pytest.raises(UserError, match=message):
        build("mine", 8)
