"""Segmentations: regions, masks, cut-outs, files, from a class map made by hand."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from shared.core.images import encode_image
from shared.recognition.data.datasets import VOC_CLASSES
from shared.recognition.segmentation import Region, Segmentation, class_colors

LABELS = ("background", "cat", "dining table", "dog/wolf")


@pytest.fixture
def result():
    """Ten columns, eight rows: a cat of 2 x 3 pixels, a table of one row, one pixel of a dog in a corner."""
    ids = np.zeros((8, 10), np.uint8)
    ids[1:4, 2:4] = 1
    ids[6, :] = 2
    ids[7, 9] = 3
    confidence = np.full(ids.shape, 0.5, np.float16)
    confidence[1, 2:4] = 0.75
    rows, columns = np.indices(ids.shape)
    pixels = np.stack([20 * columns, 30 * rows, 0 * rows + 200], -1).astype(np.uint8)
    return Segmentation(Image.fromarray(pixels), ids, confidence, LABELS, background=0, engine="fcfn")


def decode(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


@pytest.mark.parametrize(
    ("label", "color"),
    [
        ("background", (0, 0, 0)),
        ("aeroplane", (128, 0, 0)),
        ("bicycle", (0, 128, 0)),
        ("person", (192, 128, 128)),
        ("tv monitor", (0, 64, 128)),
    ],
)
def test_colors_are_those_of_pascal_voc(label, color):
    colors = class_colors(len(VOC_CLASSES))
    assert tuple(colors[VOC_CLASSES.index(label)]) == color


def test_colors_of_all_ids_differ():
    colors = class_colors(256)
    assert colors.shape == (256, 3)
    assert colors.dtype == np.uint8
    assert len(np.unique(colors, axis=0)) == 256
    assert tuple(colors[255]) == (224, 224, 192)


def test_regions_come_largest_first_and_without_the_background(result):
    table, cat, dog = result.regions
    assert table == Region("dining table", 2, 10 / 80, 0.5, (0, 6, 10, 7))
    assert cat == Region("cat", 1, 6 / 80, pytest.approx((4 * 0.5 + 2 * 0.75) / 6), (2, 1, 4, 4))
    assert dog == Region("dog/wolf", 3, 1 / 80, 0.5, (9, 7, 10, 8))
    assert result.regions is result.regions
    assert result.size == (10, 8)


def test_background_alone_has_no_region(result):
    empty = Segmentation(result.image, np.zeros((8, 10), np.uint8), result.confidence, LABELS, 0, "fcfn")
    assert empty.regions == ()
    assert set(empty.files()) == {"classes.png", "regions.json"}
    np.testing.assert_array_equal(np.asarray(empty.overlay()), np.asarray(result.image))


def test_without_background_each_class_has_a_region(result):
    whole = Segmentation(result.image, result.ids, result.confidence, LABELS, None, "streets")
    assert [region.label for region in whole.regions] == ["background", "dining table", "cat", "dog/wolf"]
    assert sum(region.area_fraction for region in whole.regions) == pytest.approx(1)


def test_mask_is_white_on_its_class(result):
    mask = result.mask(1)
    assert mask.mode == "L"
    np.testing.assert_array_equal(np.asarray(mask), np.where(result.ids == 1, 255, 0))


def test_cutout_is_transparent_outside_of_its_region(result):
    cutout = result.cutout(result.regions[1])
    assert (cutout.mode, cutout.size) == ("RGBA", (2, 3))
    assert (np.asarray(cutout)[..., 3] == 255).all()
    np.testing.assert_array_equal(np.asarray(cutout)[..., :3], np.asarray(result.image)[1:4, 2:4])
    background = Region("background", 0, 0, 0, (0, 0, 10, 8))
    holes = np.asarray(result.cutout(background))
    np.testing.assert_array_equal(holes[..., 3], np.where(result.ids == 0, 255, 0))
    assert not holes[result.ids > 0].any()


def test_overlay_tints_the_regions(result):
    photo, colors = np.asarray(result.image).astype(float), class_colors(4).astype(float)
    for strength in (0, 0.25, 0.6, 1):
        tinted = np.asarray(result.overlay(strength))
        np.testing.assert_array_equal(tinted[result.ids == 0], photo[result.ids == 0])
        expected = photo * (1 - strength) + colors[result.ids] * strength
        assert np.abs(tinted - expected)[result.ids > 0].max() <= 1
    assert result.overlay().mode == "RGB"
    np.testing.assert_array_equal(np.asarray(result.image), photo)
    for strength in (-0.1, 1.5):
        with pytest.raises(ValueError, match=f"0..1, received {strength}"):
            result.overlay(strength)


def test_id_map_is_an_annotation_file(result):
    id_map = decode(encode_image(result.id_map()))
    assert id_map.mode == "P"
    np.testing.assert_array_equal(np.asarray(id_map), result.ids)
    np.testing.assert_array_equal(np.asarray(id_map.convert("RGB")), class_colors(4)[result.ids])


def test_regions_as_plain_values(result):
    plain = result.as_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert (plain["size"], plain["labels"]) == ([10, 8], list(LABELS))
    assert [region["label"] for region in plain["regions"]] == ["dining table", "cat", "dog/wolf"]
    assert plain["regions"][0] == {
        "label": "dining table",
        "id": 2,
        "area_fraction": 0.125,
        "confidence": 0.5,
        "box": [0, 6, 10, 7],
    }


def test_regions_as_a_table_cell(result):
    assert result.as_row() == {"regions": "dining table 0.1250; cat 0.0750; dog/wolf 0.0125"}


def test_preview_files(result):
    images = {suffix: decode(content) for suffix, content in result.preview_files().items()}
    assert {suffix: (image.format, image.size) for suffix, image in images.items()} == {
        "-classes.png": ("PNG", (10, 8)),
        "-regions.jpg": ("JPEG", (10, 8)),
    }


def test_files_of_all_regions(result):
    files = result.files()
    stems = ("dining-table", "cat", "dog-wolf")
    parts = {f"{stem}-{part}.png" for stem in stems for part in ("mask", "cutout")}
    assert set(files) == {"classes.png", "regions.json"} | parts
    np.testing.assert_array_equal(np.asarray(decode(files["classes.png"])), result.ids)
    assert json.loads(files["regions.json"]) == result.as_dict()
    np.testing.assert_array_equal(np.asarray(decode(files["cat-mask.png"])), np.asarray(result.mask(1)))
    cutout = result.cutout(result.regions[1])
    np.testing.assert_array_equal(np.asarray(decode(files["cat-cutout.png"])), np.asarray(cutout))


def test_repr_has_no_arrays(result):
    assert repr(result) == "Segmentation(background=0, engine='fcfn', seconds=0.0)"


def test_rejected_classes_become_one_gray_region(result):
    changed = result.reject({1, 3}, "something else (not among the 3 kinds)")
    assert [(region.label, region.id) for region in changed.regions] == [
        ("dining table", 2),
        ("something else (not among the 3 kinds)", 4),
    ]
    assert (result.unknown, changed.unknown) == (None, 4)
    assert changed.regions[1].area_fraction == pytest.approx(7 / 80)
    assert changed.palette()[4].tolist() == [150, 150, 150]
    assert changed.id_map().getpixel((9, 7)) == 4
    assert "something-else-mask.png" in changed.files()
    assert result.reject(set(), "nothing") is result
    assert changed.summary == "dining table 12%, something else (not among the 3 kinds) 9%"
