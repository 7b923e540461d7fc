"""What several tests of recognition start from: made-up photos and a made-up teacher."""

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from shared.networks.backbones.mobilenet_v2 import MobileNetV2Backbone
from tests.predictors import lively


@pytest.fixture(scope="session")
def photo_folder(tmp_path_factory):
    """Three photos: a corner of each color, and noise."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for number, size in enumerate([(80, 60), (60, 90), (64, 64)]):
        picture = Image.fromarray(rng.integers(0, 60, (size[1], size[0], 3), np.uint8))
        for color, corner in (("red", (0, 0)), ("lime", (size[0] // 2, 0)), ("blue", (0, size[1] // 2))):
            picture.paste(color, (*corner, corner[0] + size[0] // 2, corner[1] + size[1] // 2))
        picture.save(folder / f"{number}.png")
    return folder


@pytest.fixture(scope="session")
def teacher_file(tmp_path_factory):
    """MobileNetV2 as `Teacher` expects it, in float16 and with 1001 classes; it has learned nothing."""
    parts = {
        "": MobileNetV2Backbone(),
        "head.": nn.Conv2d(320, 1280, 1),
        "classifier.": nn.Linear(1280, 1001),
    }
    tensors = {
        prefix + name: value.half()
        for prefix, part in parts.items()
        for name, value in lively(part, seed=1).state_dict().items()
    }
    tensors["classifier.bias"][0] = torch.inf  # the background's row must not be used
    path = tmp_path_factory.mktemp("teacher") / "mobilenet.safetensors"
    save_file(tensors, path)
    return path
