"""The text encoder, pictures as regions, and the joint space of both."""

import numpy as np
import pytest
import torch

from shared.core import weights
from shared.networks.joint import ENSEMBLE, HEAD_CLASSES, JointSpace
from shared.networks.regions import RegionEmbedding, pool_grid, pool_windows, similarity_map
from shared.networks.text import TextEncoder, pool_words

SMALL = {"words": ["a", "dog"], "buckets": 30, "features": 8, "width": 8, "channels": 6, "embedding": 4}
PIECES = torch.tensor([[[2, 5, 6], [3, 7, 0]], [[9, 0, 0], [0, 0, 0]]])


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def space(*heads, **more):
    torch.manual_seed(0)
    return JointSpace(heads, **{**SMALL, "hidden": 5, "classes": 3, **more}).eval()


def test_filling_up_changes_nothing():
    encoder = TextEncoder(20, 8, width=4, hidden=5).eval()
    wide = torch.nn.functional.pad(PIECES, (0, 4, 0, 3))
    torch.testing.assert_close(encoder(wide), encoder(PIECES))
    torch.testing.assert_close(encoder(PIECES[1:, :1, :1]), encoder(PIECES)[1:])


def test_the_order_of_words_matters_and_that_of_texts_does_not():
    encoder = TextEncoder(20, 8, width=4, hidden=5).eval()
    assert not torch.allclose(encoder(PIECES[:1]), encoder(PIECES[:1].flip(1)))
    torch.testing.assert_close(encoder(PIECES.flip(0)), encoder(PIECES).flip(0))


def test_words_are_left_out_only_while_training():
    encoder = TextEncoder(20, 8, width=4, hidden=5, dropout=0.5)
    many = PIECES.repeat(8, 1, 1)
    torch.manual_seed(0)
    out = encoder.train()(many)
    assert not torch.allclose(out[0], out[2])
    out = encoder.eval()(many)
    torch.testing.assert_close(out[0], out[2])


def test_pooling_of_one_word_is_the_word_twice():
    words = torch.randn(2, 3, 4)
    real = torch.tensor([[True, False, False]] * 2)
    torch.testing.assert_close(pool_words(words, real), words[:, 0].repeat(1, 2))


def test_text_weights_stay_small():
    """At two bytes a number."""
    text = JointSpace(["plain"], words=[f"word{number}" for number in range(6000)]).text
    assert 2 * count(text) < 6e6


def test_grid_covers_the_picture():
    maps = torch.randn(2, 6, 9, 6)
    rows = pool_grid(maps)
    assert rows.shape == (2, 10, 6)
    torch.testing.assert_close(rows[:, 0], maps.mean((2, 3)))
    torch.testing.assert_close(rows[:, 1:].mean(1), rows[:, 0])
    torch.testing.assert_close(
        rows[:, 6], maps[:, :, 3:6, 4:6].mean((2, 3))
    )  # the last cell of the middle row
    for size in ((1, 1), (2, 5), (7, 7)):
        assert pool_grid(torch.randn(1, 6, *size)).shape == (1, 10, 6)


def test_windows_are_the_cells_of_the_grid_and_those_between():
    maps = torch.randn(2, 6, 7, 7)
    windows = pool_windows(maps).unflatten(1, (7, 7))
    torch.testing.assert_close(windows[:, 1::2, 1::2].flatten(1, 2)[:, 4], pool_grid(maps)[:, 5])
    torch.testing.assert_close(windows[:, 1, 1], pool_grid(maps)[:, 1])
    torch.testing.assert_close(windows[:, 0, 0], maps[:, :, :2, :2].mean((2, 3)))
    torch.testing.assert_close(windows[:, 6, 3], maps[:, :, 5:, 2:5].mean((2, 3)))
    assert pool_windows(torch.randn(1, 6, 1, 2)).shape == (1, 2, 6)


def test_a_picture_of_one_region_is_that_region():
    embedding = RegionEmbedding(6, 8).eval()
    rows = torch.randn(2, 1, 6).expand(2, 10, 6)
    torch.testing.assert_close(embedding.embed_regions(rows[:, 1:]), embedding(rows)[:, None].expand(2, 9, 8))
    attention = embedding.attention(embedding.layers(torch.randn(2, 9, 6)))
    torch.testing.assert_close(attention.sum(1), torch.ones(2))


@pytest.mark.parametrize("head", HEAD_CLASSES)
def test_every_head_gives_vectors_of_length_1(head, tmp_path):
    network = space(head, hidden=64)  # of few units all may be silent, and the vector 0
    assert network.engines == (head,)
    rows = torch.randn(2, 10, 6)
    with torch.inference_mode():
        pictures, sentences = network(rows, PIECES, head)
        regions = network.embed_images(network.image.embed_regions(rows[:, 1:]), head)
    assert pictures.shape == sentences.shape
    assert regions.shape == (2, 9, pictures.shape[1])
    for vectors in (pictures, sentences, regions):
        torch.testing.assert_close(vectors.norm(dim=-1), torch.ones(vectors.shape[:-1]))
    assert similarity_map(regions[0], sentences[0]).shape == (3, 3)
    again = weights.load(JointSpace, head, folder=weights.save(network, tmp_path, half=False))
    with torch.inference_mode():
        torch.testing.assert_close(again(rows, PIECES, head)[1], sentences)


def test_late_fusion_is_one_dot_product():
    even, own = space("cyclematch"), space("cyclematch", scores=[4, 1, 0, 2, 1])
    own.load_state_dict(even.state_dict())
    rows = torch.randn(2, 10, 6)
    with torch.inference_mode():
        head = even.heads["cyclematch"]
        each = torch.einsum("ikd,jkd->kij", head.images(even.image(rows)), head.texts(even.text(PIECES)))
        for network, shares in ((even, [0.2] * 5), (own, [0.5, 0.125, 0, 0.25, 0.125])):
            pictures, sentences = network(rows, PIECES, "cyclematch")
            fused = (each * torch.tensor(shares)[:, None, None]).sum(0)
            torch.testing.assert_close(pictures @ sentences.T, fused)


@pytest.mark.parametrize("shares", [None, [1, 2, 5]])
def test_the_ensemble_adds_all_heads_up(shares):
    network = space("rrf", "cyclematch", "itmeetsal", hidden=64, shares=shares)
    assert network.engines == (ENSEMBLE, "rrf", "cyclematch", "itmeetsal")
    rows = torch.randn(2, 10, 6)
    with torch.inference_mode():
        each = [torch.mm(x, y.T) for x, y in (network(rows, PIECES, name) for name in network.heads)]
        pictures, sentences = network(rows, PIECES, ENSEMBLE)
    mean = np.average([one.numpy() for one in each], 0, shares)
    np.testing.assert_allclose(pictures @ sentences.T, mean, atol=1e-5)
    torch.testing.assert_close(pictures.norm(dim=1), torch.ones(2))


def test_all_three_and_their_base_stay_small():
    """At two bytes a number, with as many words as the training may find."""
    network = JointSpace(
        ("rrf", "cyclematch", "itmeetsal"), [str(number) for number in range(5000)], tuned=True
    )
    assert 2 * count(network) < 15e6


def test_wrong_settings_say_so():
    with pytest.raises(ValueError, match=r"got \['vse'\]"):
        space("vse")
    with pytest.raises(ValueError, match=r"5 weights of 0 or more, got \[1, 2\]"):
        space("cyclematch", scores=[1, 2])
    with pytest.raises(ValueError, match=r"shares must be 1 weights of 0 or more, got \[1, 2\]"):
        space("cyclematch", shares=[1, 2])
    with pytest.raises(ValueError, match=r"got \[\]"):
        space()
    with pytest.raises(ValueError, match="square grid, got 7"):
        similarity_map(torch.zeros(7, 2), torch.zeros(2))
