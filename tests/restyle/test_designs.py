"""Patterns drawn by code: they repeat without a seam and have the colors that were asked for."""

import numpy as np
import pytest

from shared.restyle.garment.designs import DESIGNS, draw_design
from shared.restyle.garment.tiles import SEAM_RATIO, seam_ratio


@pytest.mark.parametrize("name", DESIGNS)
def test_designs_repeat_without_a_seam(name):
    tile = draw_design(name, side=96)
    assert (tile.mode, tile.size) == ("RGB", (96, 96))
    assert seam_ratio(tile) <= SEAM_RATIO
    assert np.asarray(tile, int).std((0, 1)).max() > 10  # something is drawn


@pytest.mark.parametrize("name", DESIGNS)
def test_designs_have_the_colors_that_were_asked_for(name):
    tile = np.asarray(draw_design(name, "#ff0000", "#0000ff", side=96), int)
    assert tile[..., 1].max() == 0
    np.testing.assert_allclose(tile[..., 0] + tile[..., 2], 255, atol=1)


def test_unknown_designs_and_colors_are_errors():
    with pytest.raises(ValueError, match=r"one of stripes, .*received 'waves'"):
        draw_design("waves")
    with pytest.raises(ValueError, match="a color must be"):
        draw_design("dots", "no color")
