import numpy as np
import pytest
import torch
from PIL import Image

from shared.matting import tiles as tiling
from shared.matting.refinement import box_mean, fit_border, refine_alpha, solve_symmetric
from shared.matting.tiles import Grid, Tile, tiles
from tests.matting.conftest import disc, mixed

RED, BLUE = (200, 60, 50), (30, 60, 120)


def blurry(alpha: np.ndarray, side: int) -> np.ndarray:
    """Return a mask as a network of low resolution sees it."""
    return np.asarray(Image.fromarray(alpha).resize((side, side), Image.Resampling.BOX))


def test_border_of_a_coarse_mask_follows_the_colors():
    truth = disc(512, 512, 150)
    coarse = blurry(truth, 32)
    alpha = np.asarray(refine_alpha(mixed(truth, RED, BLUE), coarse), np.float32) / 255
    enlarged = np.asarray(Image.fromarray(coarse).resize((512, 512), Image.Resampling.BILINEAR))
    assert np.abs(alpha - truth).mean() < 0.25 * np.abs(enlarged - truth).mean()
    assert np.abs(alpha - truth).mean() < 0.004


def test_thin_strands_beyond_the_mask_are_found():
    truth = disc(512, 512, 130)
    truth[255:258, 60:260] = 1  # a strand that the network's mask does not have
    probability = blurry(disc(512, 512, 140), 32)
    alpha = np.asarray(refine_alpha(mixed(truth, RED, BLUE), probability))
    assert alpha[256, 112:120].min() > 100
    assert alpha[240, 100:108].max() < 30


def test_equal_colors_on_both_sides_leave_the_mask():
    truth = disc(256, 256, 80)
    coarse = blurry(truth, 64)
    plain = Image.new("RGB", (256, 256), RED)
    assert fit_border(plain, coarse).strength.max() < 0.01
    alpha = np.asarray(refine_alpha(plain, coarse), np.float32) / 255
    assert ((alpha > 0.5) == (truth > 0.5)).mean() > 0.99


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_pure_masks_stay_pure(value):
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 256, (90, 130, 3), np.uint8))
    alpha = np.asarray(refine_alpha(noise, np.full((32, 32), value, np.float32)))
    assert (alpha == 255 * value).all()


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (300, 2), (257, 513)])
def test_alpha_has_the_size_of_the_image(size):
    image = Image.new("RGB", size, RED)
    alpha = refine_alpha(image, np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8))
    assert alpha.size == size
    assert alpha.mode == "L"


def test_tiles_join_without_a_seam(monkeypatch):
    truth = disc(300, 300, 90)
    image, coarse = mixed(truth, RED, BLUE), blurry(truth, 32)
    whole = np.asarray(refine_alpha(image, coarse), int)
    monkeypatch.setattr(tiling, "TILE", 64)
    assert np.abs(np.asarray(refine_alpha(image, coarse), int) - whole).max() <= 3


def test_tiles_cover_the_image_once():
    counts = np.zeros((300, 520), int)
    for tile in tiles((520, 300)):
        counts[tile.rows_and_columns] += 1
    assert (counts == 1).all()


def test_grown_tile_is_clipped_and_holds_the_tile():
    tile = Tile(0, 256, 256, 300)
    outer = tile.grow(20, (400, 300))
    assert outer == (0, 236, 276, 300)
    numbers = np.arange(300 * 400).reshape(300, 400)
    assert np.array_equal(numbers[outer.rows_and_columns][tile.inside(outer)], numbers[tile.rows_and_columns])


def test_grid_interpolates_to_the_pixels_of_a_tile():
    ramp = np.broadcast_to(np.arange(10, dtype=np.float32), (10, 10))
    (values,) = Grid([ramp], (100, 100)).at(Tile(50, 0, 60, 10))
    assert values.shape == (10, 10)
    assert values[0, 0] == pytest.approx(4.55, abs=0.1)


def test_symmetric_systems_are_solved():
    rng = np.random.default_rng(1)
    roots = rng.standard_normal((3, 3))
    matrix, vector = roots @ roots.T + np.eye(3), rng.standard_normal(3)
    packed = torch.tensor(matrix[np.triu_indices(3)])[:, None, None]
    solution = solve_symmetric(packed, torch.tensor(vector)[:, None, None], 0.5).flatten()
    assert np.allclose(solution, np.linalg.solve(matrix + 0.5 * np.eye(3), vector))


def test_box_mean_counts_the_part_inside():
    assert torch.allclose(box_mean(torch.ones(2, 5, 7), 2), torch.ones(2, 5, 7))
    row = torch.tensor([0.0, 0, 3, 0, 0]).expand(1, 1, 5)
    assert box_mean(row, 1).flatten().tolist() == [0, 1, 1, 1, 0]
