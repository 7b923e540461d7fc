"""The joint space of images and texts."""

import numpy as np
import pytest
import torch

from shared.core import weights
from shared.networks.crossmodal.joint import ENSEMBLE, HEAD_CLASSES, JointSpace
from shared.networks.crossmodal.regions import similarity_map

SMALL = {"words": ["a", "dog"], "buckets": 30, "features": 8, "width": 8, "channels": 6, "embedding": 4}
SUBWORDS = torch.tensor([[[2, 5, 6], [3, 7, 0]], [[9, 0, 0], [0, 0, 0]]])


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def space(*heads, **settings):
    torch.manual_seed(0)
    return JointSpace(heads, **{**SMALL, "hidden": 5, "classes": 3, **settings}).eval()


def test_text_weights_stay_small():
    """At two bytes per weight."""
    text = JointSpace(["plain"], words=[f"word{number}" for number in range(6000)]).text
    assert 2 * count(text) < 6e6


@pytest.mark.parametrize("head", HEAD_CLASSES)
def test_every_head_gives_vectors_of_length_1(head, tmp_path):
    network = space(head, hidden=64)  # all of a few units may be inactive, and the vector 0
    assert network.engines == (head,)
    rows = torch.randn(2, 10, 6)
    with torch.inference_mode():
        images, texts = network(rows, SUBWORDS, head)
        regions = network.embed_images(network.image.embed_regions(rows[:, 1:]), head)
    assert images.shape == texts.shape
    assert regions.shape == (2, 9, images.shape[1])
    for vectors in (images, texts, regions):
        torch.testing.assert_close(vectors.norm(dim=-1), torch.ones(vectors.shape[:-1]))
    assert similarity_map(regions[0], texts[0]).shape == (3, 3)
    loaded = weights.load(JointSpace, head, folder=weights.save(network, tmp_path, half=False))
    with torch.inference_mode():
        torch.testing.assert_close(loaded(rows, SUBWORDS, head)[1], texts)


def test_late_fusion_is_one_dot_product():
    even, weighted = space("cyclematch"), space("cyclematch", scores=[4, 1, 0, 2, 1])
    weighted.load_state_dict(even.state_dict())
    rows = torch.randn(2, 10, 6)
    with torch.inference_mode():
        head = even.heads["cyclematch"]
        image_rows, text_rows = head.images(even.image(rows)), head.texts(even.text(SUBWORDS))
        scores = torch.einsum("ikd,jkd->kij", image_rows, text_rows)
        for network, shares in ((even, [0.2] * 5), (weighted, [0.5, 0.125, 0, 0.25, 0.125])):
            images, texts = network(rows, SUBWORDS, "cyclematch")
            fused = (scores * torch.tensor(shares)[:, None, None]).sum(0)
            torch.testing.assert_close(images @ texts.T, fused)


@pytest.mark.parametrize("shares", [None, [1, 2, 5]])
def test_the_ensemble_is_the_weighted_mean_of_all_heads(shares):
    network = space("rrf", "cyclematch", "itmeetsal", hidden=64, shares=shares)
    assert network.engines == (ENSEMBLE, "rrf", "cyclematch", "itmeetsal")
    rows = torch.randn(2, 10, 6)
    with torch.inference_mode():
        scores = [torch.mm(x, y.T) for x, y in (network(rows, SUBWORDS, name) for name in network.heads)]
        images, texts = network(rows, SUBWORDS, ENSEMBLE)
    mean = np.average([score.numpy() for score in scores], 0, shares)
    np.testing.assert_allclose(images @ texts.T, mean, atol=1e-5)
    torch.testing.assert_close(images.norm(dim=1), torch.ones(2))


def test_three_heads_and_a_backbone_stay_small():
    """At two bytes per weight, with a large vocabulary."""
    network = JointSpace(
        ("rrf", "cyclematch", "itmeetsal"), [str(number) for number in range(5000)], tuned=True
    )
    assert 2 * count(network) < 15e6


def test_unknown_settings_are_refused():
    with pytest.raises(ValueError, match=r"got \['vse'\]"):
        space("vse")
    with pytest.raises(ValueError, match=r"5 weights of 0 or more, got \[1, 2\]"):
        space("cyclematch", scores=[1, 2])
    with pytest.raises(ValueError, match=r"shares must be 1 weights of 0 or more, got \[1, 2\]"):
        space("cyclematch", shares=[1, 2])
    with pytest.raises(ValueError, match=r"got \[\]"):
        space()
