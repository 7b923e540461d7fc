import pytest
import torch

from shared.networks.lifelong.embedder import EmbeddingNetwork
from shared.retrieval.lifelong.lesson import Lesson, teach
from shared.retrieval.lifelong.memory import Learner
from shared.retrieval.lifelong.methods import METHODS
from shared.retrieval.lifelong.views import center_view, compute_views
from tests.retrieval.lifelong.colors import KNOWN, SHORT, photos


@pytest.fixture(scope="package")
def learner() -> Learner:
    """Return a network that was taught three colors."""
    torch.manual_seed(0)
    network = EmbeddingNetwork(classes=len(KNOWN), dims=16).eval()
    images = [image for color in KNOWN for image in photos(color, 4)]
    views = compute_views(network, images, [0] * 4 + [1] * 4 + [2] * 4, center_view)
    lesson = Lesson(views, KNOWN, METHODS["finetune"], SHORT, ("fisher", "sensitivity"))
    return teach(Learner(network), lesson)
