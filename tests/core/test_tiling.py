"""Tiles cover every pixel with a total weight of 1, keep to their size, and blend without a step."""

import numpy as np
import pytest
import torch

from shared.core.tiling import Tile, Tiling, add_tiles, split_length


@pytest.mark.parametrize("multiple", [1, 8, 32])
@pytest.mark.parametrize("overlap", [0, 32, 64])
@pytest.mark.parametrize("size", [128, 160, 203])
def test_spans_cover_a_length(size, overlap, multiple):
    for length in [1, 2, 127, 128, 129, 191, 192, 193, 500, 1000, 1001]:
        spans = split_length(length, size=size, overlap=overlap, multiple=multiple)
        starts, stops = (list(ends) for ends in zip(*spans, strict=True))
        assert (starts[0], stops[-1]) == (0, length)
        assert all(0 < stop - start <= size for start, stop in spans)
        assert all(start % multiple == 0 for start in starts)
        shared = [stop - start for stop, start in zip(stops, starts[1:], strict=False)]
        assert all(pixels == overlap for pixels in shared)
        assert all(start >= stop for stop, start in zip(stops, starts[2:], strict=False))


@pytest.mark.parametrize(
    ("length", "size", "overlap", "multiple"),
    [(0, 10, 2, 1), (9, 10, 6, 1), (9, 10, -1, 1), (9, 40, 10, 4), (9, 10, 0, 0), (9, 10, 0, 16)],
)
def test_inconsistent_spans_are_an_error(length, size, overlap, multiple):
    with pytest.raises(
        ValueError, match=f"length={length}, size={size}, overlap={overlap}, multiple={multiple}"
    ):
        split_length(length, size=size, overlap=overlap, multiple=multiple)


@pytest.mark.parametrize(
    "size", [(1, 1), (1000, 900), (5000, 4000), (1, 2_000_000), (3_000_000, 7), (900, 40_000)]
)
def test_tiles_keep_to_their_size(size):
    width, height = size
    tiles = Tiling(max_pixels=1_000_000, overlap=128, multiple=32).tiles(width, height)
    assert all((tile.right - tile.left) * (tile.bottom - tile.top) <= 1_000_000 for tile in tiles)
    assert all(0 <= tile.left < tile.right <= width for tile in tiles)
    assert all(0 <= tile.top < tile.bottom <= height for tile in tiles)
    if width * height <= 1_000_000:
        assert tiles == [Tile(0, 0, width, height)]
    assert len(tiles) <= 2 * width * height / 1_000_000 + 2  # narrow images as well


def area(tile: Tile) -> tuple[int, int, int]:
    """Shape of a map with one channel."""
    return 1, tile.bottom - tile.top, tile.right - tile.left


def identity(values: torch.Tensor, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Tiled map of a function that returns the values themselves."""
    out = torch.zeros(values.shape, dtype=dtype)
    tiling = Tiling(max_pixels=6000, overlap=32, multiple=8)
    add_tiles(lambda tile: values[:, tile.top : tile.bottom, tile.left : tile.right], out, tiling)
    return out


@pytest.mark.parametrize(("height", "width"), [(1, 1), (300, 200), (97, 513), (1, 700), (700, 1)])
def test_values_that_tiles_agree_on_are_unchanged(height, width):
    values = torch.from_numpy(np.random.default_rng(0).random((2, height, width), np.float32))
    torch.testing.assert_close(identity(values), values)
    torch.testing.assert_close(identity(values, torch.float16).float(), values, atol=1e-3, rtol=0)


def test_passes_add_up():
    out = torch.zeros(1, 100, 100)
    for value, weight in ((0.25, 1), (1.0, 0.5)):
        add_tiles(
            lambda tile, value=value: torch.full(area(tile), value),
            out,
            Tiling(max_pixels=2500, overlap=16),
            weight=weight,
        )
    torch.testing.assert_close(out, torch.full_like(out, 0.75))


def test_tiles_that_disagree_blend_without_a_step():
    values = iter([0.0, 1.0] * 50)
    out = torch.zeros(1, 256, 256)
    add_tiles(
        lambda tile: torch.full(area(tile), next(values)), out, Tiling(max_pixels=128 * 128, overlap=64)
    )
    assert out.min() == 0
    assert out.max() == 1
    assert max(out.diff(dim=1).abs().max(), out.diff(dim=2).abs().max()) < 0.05


def test_tiles_blend_with_smoothstep():
    """The transition between two tiles is smooth at both ends, which a linear one is not."""
    values = iter([0.0, 1.0])
    out = torch.zeros(1, 1, 192)
    add_tiles(lambda tile: torch.full(area(tile), next(values)), out, Tiling(max_pixels=128, overlap=64))
    t = ((torch.arange(64) + 0.5) / 32 - 0.5).clamp(0, 1)  # over the middle half of the overlap
    torch.testing.assert_close(out[0, 0, 64:128], 3 * t**2 - 2 * t**3)
    assert out.diff(n=2).abs().max() < 0.006  # 0.031 with a linear transition


def test_the_rim_of_a_tile_is_not_used():
    def with_spoiled_rim(tile: Tile) -> torch.Tensor:
        values = torch.zeros(area(tile))
        if tile.left:
            values[:, :, :8] = 1e9
        return values

    out = torch.zeros(1, 64, 400)
    add_tiles(with_spoiled_rim, out, Tiling(max_pixels=64 * 128, overlap=32))
    assert not out.any()


def test_a_map_of_another_shape_is_an_error():
    with pytest.raises(ValueError, match=r"\(2, 8, 8\).*received \(1, 8, 8\)"):
        add_tiles(lambda tile: torch.zeros(1, 8, 8), torch.zeros(2, 8, 8), Tiling(100, 0))
