"""Tiles: they cover every pixel once in sum, keep to their size, and leave no step where they meet."""

import numpy as np
import pytest
import torch

from shared.core.tiling import Box, add_tiles, boxes, spans


@pytest.mark.parametrize("multiple", [1, 8, 32])
@pytest.mark.parametrize("overlap", [0, 32, 64])
@pytest.mark.parametrize("tile", [128, 160, 203])
def test_spans_cover_a_line(tile, overlap, multiple):
    for length in [1, 2, 127, 128, 129, 191, 192, 193, 500, 1000, 1001]:
        pieces = spans(length, tile=tile, overlap=overlap, multiple=multiple)
        starts, stops = (list(ends) for ends in zip(*pieces, strict=True))
        assert (starts[0], stops[-1]) == (0, length)
        assert all(0 < stop - start <= tile for start, stop in pieces)
        assert all(start % multiple == 0 for start in starts)
        shared = [stop - start for stop, start in zip(stops, starts[1:], strict=False)]
        assert all(pixels == overlap for pixels in shared)
        assert all(start >= stop for stop, start in zip(stops, starts[2:], strict=False))


@pytest.mark.parametrize(
    ("length", "tile", "overlap", "multiple"),
    [(0, 10, 2, 1), (9, 10, 6, 1), (9, 10, -1, 1), (9, 40, 10, 4), (9, 10, 0, 0), (9, 10, 0, 16)],
)
def test_spans_that_cannot_be_say_so(length, tile, overlap, multiple):
    with pytest.raises(
        ValueError, match=f"length={length}, tile={tile}, overlap={overlap}, multiple={multiple}"
    ):
        spans(length, tile=tile, overlap=overlap, multiple=multiple)


@pytest.mark.parametrize(
    "size", [(1, 1), (1000, 900), (5000, 4000), (1, 2_000_000), (3_000_000, 7), (900, 40_000)]
)
def test_boxes_keep_to_their_size(size):
    width, height = size
    found = boxes(width, height, pixels=1_000_000, overlap=128, multiple=32)
    assert all((box.right - box.left) * (box.bottom - box.top) <= 1_000_000 for box in found)
    assert all(0 <= box.left < box.right <= width and 0 <= box.top < box.bottom <= height for box in found)
    if width * height <= 1_000_000:
        assert found == [Box(0, 0, width, height)]
    assert len(found) <= 2 * width * height / 1_000_000 + 2  # narrow pictures as well


def passed_through(values: torch.Tensor, dtype: torch.dtype = torch.float32, **settings: int) -> torch.Tensor:
    """The map that tiles give when the function is the values themselves."""
    out = torch.zeros(values.shape, dtype=dtype)
    add_tiles(lambda box: values[:, box.top : box.bottom, box.left : box.right], out, **settings)
    return out


@pytest.mark.parametrize(("height", "width"), [(1, 1), (300, 200), (97, 513), (1, 700), (700, 1)])
def test_what_every_tile_agrees_on_stays(height, width):
    values = torch.from_numpy(np.random.default_rng(0).random((2, height, width), np.float32))
    torch.testing.assert_close(passed_through(values, pixels=6000, overlap=32, multiple=8), values)
    half = passed_through(values, torch.float16, pixels=6000, overlap=32, multiple=8)
    torch.testing.assert_close(half.float(), values, atol=1e-3, rtol=0)


def test_passes_add_up():
    out = torch.zeros(1, 100, 100)
    for value, weight in ((0.25, 1), (1.0, 0.5)):
        add_tiles(
            lambda box, value=value: torch.full((1, box.bottom - box.top, box.right - box.left), value),
            out,
            weight=weight,
            pixels=2500,
            overlap=16,
        )
    torch.testing.assert_close(out, torch.full_like(out, 0.75))


def test_tiles_that_disagree_meet_without_a_step():
    signs = iter([0.0, 1.0] * 50)
    out = torch.zeros(1, 256, 256)
    add_tiles(
        lambda box: torch.full((1, box.bottom - box.top, box.right - box.left), next(signs)),
        out,
        pixels=128 * 128,
        overlap=64,
    )
    assert out.min() == 0
    assert out.max() == 1
    assert max(out.diff(dim=1).abs().max(), out.diff(dim=2).abs().max()) < 0.05


def test_the_rim_of_a_tile_is_not_used():
    def spoiled(box: Box) -> torch.Tensor:
        part = torch.zeros(1, box.bottom - box.top, box.right - box.left)
        if box.left:
            part[:, :, :8] = float("inf")
        return part.nan_to_num(posinf=1e9)

    out = torch.zeros(1, 64, 400)
    add_tiles(spoiled, out, pixels=64 * 128, overlap=32)
    assert not out.any()


def test_a_map_of_another_shape_is_an_error():
    with pytest.raises(ValueError, match=r"\(2, 8, 8\).*received \(1, 8, 8\)"):
        add_tiles(lambda box: torch.zeros(1, 8, 8), torch.zeros(2, 8, 8), pixels=100, overlap=0)
