"""What several tests of retrieval start from: a network that has learned nothing, and made-up photos."""

import numpy as np
import pytest
from PIL import Image
from skimage import data

from shared.core import weights
from shared.networks.backbones.efficientnet_lite import EfficientNetLite
from shared.networks.backbones.mobilenet_v1 import MobileNetV1
from shared.networks.cfn import CFN
from shared.retrieval.training import batches
from tests.predictors import lively


@pytest.fixture(scope="session")
def network_folder(tmp_path_factory):
    """Weights of a network that has learned nothing."""
    return weights.save(lively(CFN(classes=3, fusion="none")), tmp_path_factory.mktemp("network"))


@pytest.fixture(scope="session")
def lite_folder(tmp_path_factory):
    """Weights of the first of the two networks that go together; it has learned nothing."""
    return weights.save(lively(EfficientNetLite()), tmp_path_factory.mktemp("lite"))


@pytest.fixture(scope="session")
def second_folder(tmp_path_factory):
    """Weights of the second of them, which has learned nothing either."""
    return weights.save(lively(MobileNetV1()), tmp_path_factory.mktemp("second"))


@pytest.fixture(scope="session")
def photo_folder(tmp_path_factory):
    """Eight parts of real photos, of two shapes."""
    folder = tmp_path_factory.mktemp("photos")
    for number in range(8):
        whole = Image.fromarray((data.astronaut, data.coffee)[number % 2]())
        left, top = 60 * number, int(np.random.default_rng(number).integers(0, 150))
        width, height = (120, 90) if number % 3 else (90, 120)
        whole.crop((left % 380, top, left % 380 + width, top + height)).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def small(monkeypatch):
    """Small pictures to learn from."""
    monkeypatch.setattr(batches, "SIZES", (64, 96))
    monkeypatch.setattr(batches, "TEACHER_SIZE", 64)
    monkeypatch.setattr(batches, "ASIDE_SIZE", 64)
