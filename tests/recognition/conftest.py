"""Fixtures of recognition's tests: synthetic images, an untrained classifier, an untrained teacher."""

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from shared.networks.backbones.mobilenet_v2 import MobileNetV2Backbone
from shared.networks.cfn import CFN
from tests.predictors import with_random_weights


@pytest.fixture(scope="session")
def image_folder(tmp_path_factory):
    """Three images with a corner in each color, on noise."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for index, (width, height) in enumerate([(80, 60), (60, 90), (64, 64)]):
        image = Image.fromarray(rng.integers(0, 60, (height, width, 3), np.uint8))
        half_width, half_height = width // 2, height // 2
        for color, (left, top) in {"red": (0, 0), "lime": (half_width, 0), "blue": (0, half_height)}.items():
            image.paste(color, (left, top, left + half_width, top + half_height))
        image.save(folder / f"{index}.png")
    return folder


@pytest.fixture(scope="session")
def teacher_file(tmp_path_factory):
    """Weights of MobileNetV2 as `Teacher` reads them, in float16 and with 1001 classes, untrained."""
    layers = {
        "": MobileNetV2Backbone(),
        "head.": nn.Conv2d(320, CFN.FEATURE_CHANNELS, 1),
        "classifier.": nn.Linear(CFN.FEATURE_CHANNELS, 1001),
    }
    tensors = {
        prefix + name: value.half()
        for prefix, layer in layers.items()
        for name, value in with_random_weights(layer, seed=1).state_dict().items()
    }
    tensors["classifier.bias"][0] = torch.inf  # the row of the background must not be used
    path = tmp_path_factory.mktemp("teacher") / "mobilenet.safetensors"
    save_file(tensors, path)
    return path
