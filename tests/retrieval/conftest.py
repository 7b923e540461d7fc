"""Fixtures of retrieval's tests: untrained networks, sample images, small training batches."""

import numpy as np
import pytest
from PIL import Image
from skimage import data

from shared.core import weights
from shared.networks.backbones.efficientnet_lite import EfficientNetLite
from shared.networks.backbones.mobilenet_v1 import MobileNetV1
from shared.networks.cfn import CFN
from shared.retrieval.training import batches
from tests.predictors import with_random_weights


@pytest.fixture(scope="session")
def network_folder(tmp_path_factory):
    """Weights of an untrained CFN."""
    network = with_random_weights(CFN(classes=3, fusion="none"))
    return weights.save(network, tmp_path_factory.mktemp("network"))


@pytest.fixture(scope="session")
def lite_folder(tmp_path_factory):
    """Weights of an untrained EfficientNet-Lite, the first backbone of the ensemble."""
    return weights.save(with_random_weights(EfficientNetLite()), tmp_path_factory.mktemp("lite"))


@pytest.fixture(scope="session")
def mobilenet_folder(tmp_path_factory):
    """Weights of an untrained MobileNetV1, the second backbone of the ensemble."""
    return weights.save(with_random_weights(MobileNetV1()), tmp_path_factory.mktemp("mobilenet"))


@pytest.fixture(scope="session")
def image_folder(tmp_path_factory):
    """Eight crops of photographs, of two shapes."""
    folder = tmp_path_factory.mktemp("photos")
    for number in range(8):
        image = Image.fromarray((data.astronaut, data.coffee)[number % 2]())
        left, top = 60 * number, int(np.random.default_rng(number).integers(0, 150))
        width, height = (120, 90) if number % 3 else (90, 120)
        image.crop((left % 380, top, left % 380 + width, top + height)).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def small_batches(monkeypatch):
    """Small images for trainings."""
    monkeypatch.setattr(batches, "SIZES", (64, 96))
    monkeypatch.setattr(batches, "TEACHER_SIZE", 64)
    monkeypatch.setattr(batches, "VALIDATION_SIZE", 64)
