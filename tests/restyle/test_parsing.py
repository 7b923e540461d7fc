import numpy as np
import pytest
import torch
from PIL import Image

from shared.core import weights
from shared.core.images import ImageError
from shared.core.tiling import working_size
from shared.networks.parsing import ParsingNetwork
from shared.restyle.parsing.classes import CLASSES, GARMENTS, NAMES, class_index, classes_of_ccp
from shared.restyle.parsing.consistency import CLOTHES, agree_on_clothes
from shared.restyle.parsing.outfit import OVERLAY_SIDE, Outfit
from shared.restyle.parsing.parser import MAX_SIDE, WORKING_SIDE, OutfitParser
from tests.predictors import SIZES, astronaut, with_random_weights


def outfit_of(labels: np.ndarray, size: tuple[int, int], certainty: float = 0.95) -> Outfit:
    """Return an outfit whose classes have the same certainty everywhere."""
    doubt = (1 - certainty) / (len(NAMES) - 1)
    probabilities = np.full((len(NAMES), *labels.shape), doubt, np.float32)
    np.put_along_axis(probabilities, labels[None].astype(int), certainty, 0)
    return Outfit(Image.new("RGB", size, (90, 90, 90)), labels.astype(np.uint8), probabilities, 0.1234)


@pytest.fixture
def two_people() -> Outfit:
    labels = np.zeros((60, 80), np.uint8)
    labels[10:50, 5:25] = class_index("dress")
    labels[10:18, 5:25] = class_index("hair")
    labels[20:50, 50:62] = class_index("top")
    labels[2, 40] = class_index("bag")  # a speck is nobody
    return outfit_of(labels, (160, 120))


@pytest.fixture(scope="module")
def parser() -> OutfitParser:
    return OutfitParser(with_random_weights(ParsingNetwork()).eval())


def test_every_label_of_the_data_set_has_one_class():
    labels = [label for row in CLASSES for label in row.ccp_labels]
    assert len(labels) == len({*labels}) == 59
    assert classes_of_ccp(["null", "skin", "hair", "boots"]).tolist() == [0, 1, 2, 8]
    with pytest.raises(KeyError):
        classes_of_ccp(["parachute"])


def test_classes_have_names_titles_and_colors_of_their_own():
    assert NAMES[:3] == ("background", "skin", "hair")
    assert set(GARMENTS) | {"background", "skin", "hair"} == set(NAMES)
    assert len({row.title for row in CLASSES}) == len({row.color for row in CLASSES}) == len(NAMES) == 11


def test_unknown_part_is_named(two_people):
    with pytest.raises(ValueError, match="trousers"):
        two_people.mask("trousers")
    with pytest.raises(ValueError, match="wig"):
        two_people.coverage("wig")


def test_mask_has_the_size_of_the_image_and_the_sum_of_the_classes(two_people):
    mask = np.asarray(two_people.mask("dress"))
    assert mask.shape == (120, 160)
    assert mask[80, 30] > 235
    assert mask[25, 30] < 10
    assert np.asarray(two_people.mask("dress", "hair"))[25, 30] > 235
    assert np.asarray(two_people.mask())[25, 30] > 235  # everything but the background
    assert np.asarray(two_people.mask())[110, 5] < 20


def test_people_are_sorted_and_specks_are_nobody(two_people):
    first, second = two_people.people()
    assert first.box == (10, 20, 50, 100)
    assert second.box == (100, 40, 124, 100)
    assert first.coverage > second.coverage
    assert two_people.is_person


def test_outfit_of_one_person_hides_the_others(two_people):
    second = two_people.only(1)
    assert second.present() == ["top"]
    assert two_people.present() == ["hair", "top", "dress"]
    assert np.asarray(second.mask("dress")).max() <= 2
    assert np.asarray(second.mask())[80, 30] == 0
    assert len(second.people()) == 1
    assert np.allclose(second.probabilities.sum(0), 1, atol=1e-5)
    with pytest.raises(IndexError):
        two_people.only(2)


def test_unsure_or_tiny_people_are_nobody():
    labels = np.zeros((50, 50), np.uint8)
    labels[10:14, 10:14] = class_index("skin")
    assert not outfit_of(labels, (50, 50)).is_person
    labels[5:45, 5:45] = class_index("skin")
    assert not outfit_of(labels, (50, 50)).is_person  # petals and fur look like skin and coats
    labels[5:10, 5:45] = class_index("hair")
    assert outfit_of(labels, (50, 50)).is_person
    unsure = outfit_of(labels, (50, 50))
    unsure.probabilities[0] = 0.45
    assert not unsure.is_person
    assert unsure.present() == []


def test_image_without_people_has_empty_results():
    empty = outfit_of(np.zeros((32, 32), np.uint8), (64, 64))
    assert empty.people() == empty.present() == []
    assert empty.as_dict()["parts"] == {}
    assert np.asarray(empty.overlay()).tolist() == np.asarray(empty.image).tolist()


def test_overlay_is_shrunk_and_colored(two_people):
    assert two_people.overlay().size == (160, 120)
    color = two_people.overlay().getpixel((30, 80))
    assert color != (90, 90, 90)
    large = outfit_of(np.zeros((32, 64), np.uint8), (4000, 2000))
    assert large.overlay().size == (OVERLAY_SIDE, OVERLAY_SIDE // 2)


def test_outfit_describes_and_saves_itself(two_people):
    description = two_people.as_dict()
    assert description["people"][0]["box"] == [10, 20, 50, 100]
    assert set(description["parts"]) == {"hair", "top", "dress"}
    assert description["seconds"] == 0.123
    files = two_people.files()
    assert set(files) == {".png", ".classes.png"}


@pytest.mark.parametrize("size", SIZES)
def test_every_size_is_accepted(parser, size):
    outfit = parser(astronaut(*size))
    assert outfit.image.size == size
    assert outfit.labels.shape == outfit.probabilities.shape[1:]
    assert outfit.mask("top").size == size
    assert np.allclose(outfit.probabilities.sum(0), 1, atol=1e-4)
    outfit.as_dict()
    outfit.overlay()


def test_mirror_image_has_the_mirrored_outfit(parser):
    image = astronaut(96, 96)
    mirrored = parser(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    assert (parser(image).labels == mirrored.labels[:, ::-1]).mean() > 0.95


def test_broken_upload_is_one_sentence(parser):
    with pytest.raises(ImageError):
        parser(b"no picture")


@pytest.mark.parametrize("size", [(1, 1), (9000, 1), (3, 7000), (640, 480)])
def test_working_size_is_bounded(size):
    width, height = working_size(size, WORKING_SIDE, MAX_SIDE)
    assert 32 <= width <= MAX_SIDE
    assert 32 <= height <= MAX_SIDE
    assert width % 32 == height % 32 == 0


@pytest.mark.parametrize("size", [(1, 1), (31, 7), (64, 96)])
def test_network_keeps_the_size(size):
    with torch.inference_mode():
        assert ParsingNetwork(classes=5)(torch.zeros(1, 3, *size)).shape == (1, 5, *size)


def test_weights_round_trip(tmp_path, parser):
    weights.save(parser.network, tmp_path / "weights")
    loaded = OutfitParser.load(folder=tmp_path / "weights", device="cpu")
    image = astronaut(80, 64)
    assert (loaded(image).labels == parser(image).labels).mean() > 0.97  # weights are stored in float16


def test_pixels_of_one_color_agree_on_their_garment():
    pixels = np.full((64, 64, 3), 200, np.uint8)
    pixels[:, 32:] = (20, 30, 90)
    probabilities = np.zeros((len(NAMES), 64, 64), np.float32)
    probabilities[class_index("top"), :, :32] = 0.8
    probabilities[class_index("dress"), :, :32] = 0.2
    probabilities[class_index("bottom"), :, 32:] = 1
    probabilities[:, 20:24, 10:14] = 0  # an island in the top
    probabilities[class_index("dress"), 20:24, 10:14] = 0.6
    probabilities[class_index("top"), 20:24, 10:14] = 0.4
    agreed = agree_on_clothes(probabilities, Image.fromarray(pixels))
    assert agreed.argmax(0)[22, 12] == class_index("top")
    assert (agreed.argmax(0)[:, 34:] == class_index("bottom")).all()
    assert np.allclose(agreed.sum(0), 1, atol=1e-3)


def test_agreement_leaves_all_else():
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(len(NAMES)), (33, 47)).transpose(2, 0, 1).astype(np.float32)
    agreed = agree_on_clothes(probabilities, astronaut(47, 33))
    fixed = [index for index in range(len(NAMES)) if index not in CLOTHES]
    assert np.array_equal(agreed[fixed], probabilities[fixed])
    assert np.allclose(agreed.sum(0), 1, atol=1e-3)
    nobody = np.zeros_like(probabilities)
    nobody[0] = 1
    assert np.array_equal(agree_on_clothes(nobody, astronaut(47, 33)), nobody)
