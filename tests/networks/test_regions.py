"""The region encoder of images."""

import pytest
import torch

from shared.networks.backbones.table import BACKBONES
from shared.networks.cfn import CFN
from shared.networks.crossmodal.regions import (
    CONCEPT_SCALE,
    RegionBackbone,
    RegionEmbedding,
    pool_grid,
    pool_windows,
    similarity_map,
)


def test_grid_covers_the_map():
    maps = torch.randn(2, 6, 9, 6)
    rows = pool_grid(maps)
    assert rows.shape == (2, 10, 6)
    torch.testing.assert_close(rows[:, 0], maps.mean((2, 3)))
    torch.testing.assert_close(rows[:, 1:].mean(1), rows[:, 0])
    last_of_middle_row = maps[:, :, 3:6, 4:6].mean((2, 3))
    torch.testing.assert_close(rows[:, 6], last_of_middle_row)
    for size in ((1, 1), (2, 5), (7, 7)):
        assert pool_grid(torch.randn(1, 6, *size)).shape == (1, 10, 6)


def test_windows_include_the_cells_of_the_grid():
    maps = torch.randn(2, 6, 7, 7)
    windows = pool_windows(maps).unflatten(1, (7, 7))
    torch.testing.assert_close(windows[:, 1::2, 1::2].flatten(1, 2)[:, 4], pool_grid(maps)[:, 5])
    torch.testing.assert_close(windows[:, 1, 1], pool_grid(maps)[:, 1])
    torch.testing.assert_close(windows[:, 0, 0], maps[:, :, :2, :2].mean((2, 3)))
    torch.testing.assert_close(windows[:, 6, 3], maps[:, :, 5:, 2:5].mean((2, 3)))
    assert pool_windows(torch.randn(1, 6, 1, 2)).shape == (1, 2, 6)


def test_an_image_of_equal_regions_has_their_embedding():
    embedding = RegionEmbedding(6, 8).eval()
    rows = torch.randn(2, 1, 6).expand(2, 10, 6)
    torch.testing.assert_close(embedding.embed_regions(rows[:, 1:]), embedding(rows)[:, None].expand(2, 9, 8))
    attention = embedding.attention(embedding.layers(torch.randn(2, 9, 6)))
    torch.testing.assert_close(attention.sum(1), torch.ones(2))


def test_similarity_needs_a_square_grid():
    with pytest.raises(ValueError, match="square grid, got 7"):
        similarity_map(torch.zeros(7, 2), torch.zeros(2))


@pytest.mark.parametrize("backbone", BACKBONES)
def test_rows_of_every_backbone(backbone):
    network = RegionBackbone(cells=2, backbone=backbone).eval()
    x = torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        maps, rows = network.feature_map(x), network(x)
    assert maps.shape == (1, RegionBackbone.CHANNELS, 2, 3)
    torch.testing.assert_close(rows, pool_grid(maps, 2))


def test_the_main_branch_of_a_cfn_is_a_region_backbone():
    network = CFN(classes=3).eval()
    x = torch.rand(1, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(
            RegionBackbone().load_cfn(network).feature_map(x), network.branch_maps(x)[0]
        )


def test_frozen_blocks_do_not_learn():
    network = RegionBackbone().freeze(2)
    frozen = {name for name, weight in network.named_parameters() if not weight.requires_grad}
    assert {name.split(".")[1] for name in frozen} == {"stem", "blocks"}
    assert {name.split(".")[2] for name in frozen if ".blocks." in name} == {"0", "1"}


def test_the_concept_channel_holds_the_roots_of_class_probabilities():
    network = CFN(classes=7, trunk="efficientnet_lite0").eval()
    backbone = RegionBackbone(2, "efficientnet_lite0", classes=7).load_cfn(network).eval()
    with torch.inference_mode():
        rows = backbone(torch.rand(1, 3, 64, 64))
        probabilities = (rows[..., RegionBackbone.CHANNELS :] / CONCEPT_SCALE).square()
        expected = network.classifier(rows[:, 0, : RegionBackbone.CHANNELS]).softmax(1)
    assert rows.shape == (1, 5, backbone.channels)
    torch.testing.assert_close(probabilities.sum(-1), torch.ones(1, 5))
    torch.testing.assert_close(probabilities[:, 0], expected, atol=1e-5, rtol=1e-4)
