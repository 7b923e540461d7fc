"""Similar outfits: descriptors of garments, the index of a gallery, searches, and the tab."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from shared.core.errors import InputError
from shared.gallery.gallery import Gallery
from shared.gallery.index import MismatchError
from shared.restyle.parsing.classes import class_index
from shared.restyle.similar.benchmarks import garments as ccp
from shared.restyle.similar.benchmarks import similar as benchmark
from shared.restyle.similar.color import COLOR_DIM, color_histogram
from shared.restyle.similar.descriptor import (
    DESCRIPTOR_DIM,
    GarmentDescriber,
    GarmentParts,
    PartWeights,
    crop_person,
    pool,
)
from shared.restyle.similar.features import CLASS_MAP, CODES, MAX_GARMENTS, PERSON_STEP, GarmentFeatures
from shared.restyle.similar.kinds import KINDS, kinds_of
from shared.restyle.similar.outline import draw_outline, person_box
from shared.restyle.similar.search import OutfitSearch
from tests.restyle.people import BLACK, BLUE, GREEN, RED, WALL, DrawnPeopleParser, draw_person, find_outfit


@pytest.fixture(scope="module")
def describer():
    return GarmentDescriber.load(device="cpu")


@pytest.fixture(scope="module")
def search(describer):
    return OutfitSearch(DrawnPeopleParser(), describer)


@pytest.fixture(scope="module")
def gallery(search):
    """Gallery of a red top, a blue one, a green one with red trousers, and a wall."""
    gallery = Gallery()
    images = {
        "blue": draw_person(BLUE),
        "red": draw_person(RED),
        "green": draw_person(GREEN, RED),
        "wall": draw_person(WALL, columns=()),
    }
    report = search.add(images.items(), gallery)
    assert len(report.ids) == 4
    return gallery


def person_in(image, number=0):
    return find_outfit(image).only(number)


def names(results):
    return [entry.hit.name for entry in results.hits]


def test_histograms_of_colors_follow_the_eye():
    rng = np.random.default_rng(0)
    pixels = np.clip(np.array(RED) + rng.integers(-9, 10, (500, 3)), 0, 255).astype(np.uint8)
    histogram = color_histogram(pixels)
    assert histogram.shape == (COLOR_DIM,)
    assert np.linalg.norm(histogram) == pytest.approx(1, abs=1e-5)
    assert np.allclose(color_histogram(pixels[::-1].copy()), histogram, atol=1e-6)
    brighter = histogram @ color_histogram((pixels * 1.1).clip(0, 255).astype(np.uint8))
    other = histogram @ color_histogram(pixels[:, ::-1].copy())
    assert brighter > 0.9
    assert other < 0.2


def test_black_and_white_are_far_apart():
    black, white, grey = (color_histogram(np.full((4, 3), level, np.uint8)) for level in (0, 255, 128))
    assert black @ white == pytest.approx(0, abs=1e-6)
    assert grey @ white < 0.9


def test_maps_are_pooled_over_the_mask_alone():
    features = torch.zeros(2, 4, 4)
    features[0, :, :2], features[1, :, 2:] = 3, 5
    left = np.zeros((8, 8), bool)
    left[:, :4] = True
    assert pool(features, left).tolist() == [1, 0]
    assert pool(features, ~left).tolist() == [0, 1]


def test_parts_are_weighted_in_the_dot_product():
    def parts(network, color):
        unit = np.eye(2, dtype=np.float32)
        return GarmentParts(unit[network], unit[color])

    weights = PartWeights(3, 1)
    query = parts(0, 0).join(weights)
    assert query @ query == pytest.approx(1)
    assert query @ parts(0, 1).join(weights) == pytest.approx(0.75)
    assert query @ parts(1, 0).join(weights) == pytest.approx(0.25)


def test_the_crop_holds_the_person_in_the_frame_of_both():
    image = draw_person(RED, size=(480, 660))
    crop, labels = crop_person(image, Image.fromarray(find_outfit(image).labels))
    assert crop.size == labels.size
    assert crop.width < crop.height
    top = np.asarray(labels) == class_index("top")
    assert np.abs(np.median(np.asarray(crop, int)[top], 0) - RED).max() < 12


def test_kinds_are_the_outfit_and_its_garments_by_size():
    assert kinds_of(person_in(draw_person(RED))) == ["outfit", "bottom", "top"]
    assert kinds_of(find_outfit(draw_person(WALL, columns=()))) == []


@pytest.mark.parametrize(
    "change", [ImageOps.mirror, lambda image: image.resize((480, 660)), lambda image: image.resize((80, 110))]
)
def test_descriptors_hardly_change_with_the_frame(describer, change):
    image = draw_person(RED)
    first, second = (describer(person_in(photo)) for photo in (image, change(image)))
    other = describer(person_in(draw_person(BLUE)))
    assert set(first) == set(second) == {"outfit", "top", "bottom"}
    for vector in first.values():
        assert vector.shape == (DESCRIPTOR_DIM,)
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-4)
    assert first["top"] @ second["top"] > 0.9
    assert first["top"] @ second["top"] > first["top"] @ other["top"] + 0.1


def test_a_garment_is_described_by_itself(describer):
    first, second = (describer(person_in(draw_person(RED, color))) for color in (BLACK, BLUE))
    assert first["top"] @ second["top"] > first["bottom"] @ second["bottom"] + 0.1


def test_the_most_similar_garment_comes_first(search, gallery):
    query = person_in(draw_person((200, 40, 50)))
    results = search(query, ["top"], gallery=gallery)
    assert names(results)[0] == "red"
    scores = [entry.hit.score for entry in results.hits]
    assert scores == sorted(scores, reverse=True)
    assert [entry.hit.rank for entry in results.hits] == [1, 2, 3]
    assert all(entry.person == 1 for entry in results.hits)
    assert names(search(person_in(draw_person(BLUE, RED)), ["bottom"], gallery=gallery))[0] == "green"
    assert names(search(person_in(draw_person(GREEN, RED)), ["outfit"], gallery=gallery))[0] == "green"


def test_pictures_without_the_garment_are_left_out_and_counted(search, gallery):
    results = search(person_in(draw_person(RED)), ["top"], gallery=gallery)
    assert set(names(results)) == {"red", "blue", "green"}
    assert (results.wearing, results.left_out, results.searched) == (3, 1, 4)
    values = results.as_dict()
    assert values["garments"] == ["top"]
    assert values["left_out"] == 1
    assert values["hits"][0]["person"] == 1


def test_the_query_itself_is_left_out(search, gallery):
    (id,) = (entry.id for entry in gallery.entries if entry.name == "red")
    results = search(person_in(draw_person(RED)), ["top"], 1, exclude_id=id, gallery=gallery)
    assert names(results) not in (["red"], [])
    assert (results.wearing, results.left_out, results.searched) == (2, 1, 3)


def test_several_garments_must_be_worn_together(search):
    gallery = Gallery()
    search.add([("top only", draw_person(RED, None)), ("both", draw_person(BLUE, BLACK))], gallery)
    query = person_in(draw_person(RED, BLACK))
    assert names(search(query, ["top"], gallery=gallery))[0] == "top only"
    results = search(query, ["top", "bottom"], gallery=gallery)
    assert (names(results), results.left_out) == (["both"], 1)


def test_the_best_person_of_a_picture_counts(search):
    gallery = Gallery()
    pair = draw_person(BLUE, columns=((10, 60),))
    red = draw_person(RED, columns=((110, 140),))
    pair.paste(red.crop((100, 0, 160, 220)), (100, 0))
    search.add([("pair", pair)], gallery)
    (hit,) = search(person_in(draw_person(RED)), ["top"], gallery=gallery).hits
    assert hit.person == 2
    mask = GarmentFeatures.from_snapshot(gallery.snapshot(), hit.hit.id).mask(hit.person, ["top"])
    columns = np.flatnonzero(mask.any(0)) / mask.shape[1]
    assert columns.min() > 0.6


def test_garments_that_nobody_wears_are_explained(search, gallery):
    query = person_in(draw_person(RED))
    with pytest.raises(InputError, match=r"do not see this in the picture: shoes. We see: .*top"):
        search(query, ["shoes"], gallery=gallery)
    with pytest.raises(InputError, match="no garment 'cape': please use top"):
        search(query, ["cape"], gallery=gallery)
    with pytest.raises(InputError, match="choose a garment"):
        search(query, [], gallery=gallery)


def test_an_empty_gallery_has_no_hits(search):
    results = search(person_in(draw_person(RED)), ["top"], gallery=Gallery())
    assert (results.hits, results.wearing, results.left_out) == ((), 0, 0)


def test_the_index_follows_the_gallery(search):
    gallery = Gallery()
    search.add([("red", draw_person(RED)), ("blue", draw_person(BLUE))], gallery)
    query = person_in(draw_person(RED))
    assert names(search(query, ["top"], gallery=gallery)) == ["red", "blue"]
    gallery.remove([gallery.entries[0].id])
    assert names(search(query, ["top"], gallery=gallery)) == ["blue"]
    search.add([("red again", draw_person(RED))], gallery)
    assert names(search(query, ["top"], gallery=gallery)) == ["red again", "blue"]
    gallery.clear()
    assert names(search(query, ["top"], gallery=gallery)) == []


def test_a_saved_gallery_gives_the_same_hits(search, gallery, tmp_path):
    gallery.save(tmp_path / "people.gallery")
    restored = Gallery.load(tmp_path / "people.gallery")
    query = person_in(draw_person(RED))
    first, second = (search(query, ["top"], gallery=item) for item in (gallery, restored))
    assert [entry.hit for entry in first.hits] == [entry.hit for entry in second.hits]


def test_a_gallery_of_other_weights_is_refused(describer, gallery):
    other = OutfitSearch(DrawnPeopleParser(seed=1), describer)
    with pytest.raises(MismatchError, match="add its pictures anew"):
        other(person_in(draw_person(RED)), ["top"], gallery=gallery)


def test_features_have_the_same_shape_for_any_number_of_people(describer):
    image = draw_person(RED)
    vectors = describer(person_in(image))
    crowd = GarmentFeatures.of([(person_in(image), vectors)] * 8)
    nobody = GarmentFeatures.of([])
    for name, values in crowd.as_dict().items():
        assert values.shape == nobody.as_dict()[name].shape
        assert values.dtype == nobody.as_dict()[name].dtype
    assert len(crowd.garments()) == MAX_GARMENTS
    assert nobody.garments() == []
    assert crowd.as_dict()[CLASS_MAP].max() < PERSON_STEP * 9
    assert crowd.as_dict()[CODES].max() <= len(KINDS)


def test_a_gallery_of_full_size_stays_within_its_memory():
    features = GarmentFeatures.of([])
    assert 2000 * sum(values.nbytes for values in features.as_dict().values()) < 128 * 2**20


def test_the_garment_is_outlined():
    image = Image.new("RGB", (200, 200), (90, 90, 90))
    mask = np.zeros((20, 20), bool)
    mask[5:15, 5:15] = True
    pixels = np.asarray(draw_outline(image, mask), int)
    assert (pixels[80:120, 80:120] == 90).all()
    assert (pixels[:20, :20] > 120).all()
    assert (pixels == (255, 45, 135)).all(2).any()
    assert draw_outline(image, np.zeros((20, 20), bool)) is image


def test_the_person_is_shown_in_a_box_of_the_same_shape():
    mask = np.zeros((100, 100), bool)
    mask[20:80, 40:60] = True
    left, top, right, bottom = person_box((800, 400), mask)
    assert (right - left) / (bottom - top) == pytest.approx(0.75, abs=0.02)
    assert left <= 320 < 480 <= right
    assert top <= 80 < 320 <= bottom
    mask[:, 40:60] = True
    assert person_box((300, 600), mask) == (0, 0, 300, 600)
    assert person_box((300, 600), np.zeros((9, 9), bool)) == (0, 0, 300, 600)


def unit_parts(angle):
    """Return parts whose similarity is the cosine of the difference of angles."""
    vector = np.array([np.cos(angle), np.sin(angle)], np.float32)
    return GarmentParts(vector, vector)


def labelled(label, lightness, angle):
    truth = {"top": ccp.TrueGarment(label, np.array([lightness, 0, 0], np.float32))}
    return ccp.DescribedPerson(truth, {"top": unit_parts(angle)})


def test_hits_are_scored_by_label_and_color():
    people = [labelled(1, 0.5, 0.0), labelled(1, 0.55, 0.1), labelled(2, 0.9, 1.0), labelled(1, 0.9, 1.1)]
    benchmark_top, benchmark.TOP = benchmark.TOP, 1
    try:
        label, similar, distance = benchmark.score_hits(
            people, "top", PartWeights(1, 0), lambda person: person.parts
        )
    finally:
        benchmark.TOP = benchmark_top
    assert (label, similar) == (0.5, 0.5)
    assert distance == pytest.approx((0.05 + 0.05 + 0 + 0) / 4, abs=1e-6)
    label, similar, _ = benchmark.score_hits(people, "top", None, lambda person: person.parts)
    assert label == pytest.approx((2 + 2 + 0 + 2) / 3 / 4)
    assert similar == pytest.approx(2 / 3 / 4)


def test_hits_without_a_true_garment_are_wrong():
    assert benchmark.agreement(ccp.TrueGarment(1, np.zeros(3)), None)[:2] == (False, False)
    people = [labelled(1, 0.5, 0.0), replace(labelled(1, 0.5, 0.1), truth={})]
    assert benchmark.score_hits(people, "top", PartWeights(1, 1), lambda person: person.parts)[0] == 0


def test_copies_are_scored_by_the_best_hit():
    people = [replace(labelled(1, 0.5, angle), copy_parts={"top": unit_parts(angle)}) for angle in (0, 1)]
    assert benchmark.score_copies(people, PartWeights(1, 0)) == 1
    swapped = [replace(people[0], copy_parts=people[1].copy_parts), replace(people[1], copy_parts={})]
    assert benchmark.score_copies(swapped, PartWeights(1, 0)) == 0


def test_edited_copies_are_the_same_each_time():
    image = draw_person(RED)
    first, second = (np.asarray(ccp.edited_copy(image, 3)) for _ in range(2))
    assert np.array_equal(first, second)
    assert first.shape != np.asarray(image).shape
