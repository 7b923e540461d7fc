"""Tabs of restyling, with functions in place of the networks: values of the outputs, cautions, and errors."""

from dataclasses import replace
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from shared.core.errors import InputError
from shared.restyle.tabs.changes import FABRIC, METHODS, PALETTE, PATTERN, ChangeValues, change_clothes
from shared.restyle.tabs.clothes_state import MAX_HISTORY, Entry, Shown, add_entry
from shared.restyle.tabs.clothes_tab import NOBODY, NOTHING, SOURCE_FIRST, ClothesTab
from shared.restyle.tabs.cutout_tab import BACKGROUNDS, BackgroundValues, put_on_background
from shared.restyle.tabs.dressing import PLAIN_METHODS, Swap, dress
from shared.restyle.tabs.garment_arguments import check_color, find_mask, parse_garments
from shared.restyle.tabs.photos import NO_SUBJECT, SUBJECT, Photos, usual_regions
from shared.restyle.tabs.results import on_checkerboard
from shared.restyle.tabs.wear_tab import MISSING, OUTFIT, WearTab, missing_photo
from tests.restyle.drawn_outfits import SIZE, find_outfit, find_subject, settings, values_of


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))


@pytest.fixture
def photos(run):
    return Photos(run)


def pixels(image):
    return np.asarray(image.convert("RGB"), int)


@pytest.mark.parametrize("kind", BACKGROUNDS)
def test_backgrounds_leave_the_subject_as_it_is(photos, files, kind):
    matte = photos.subject(files["person"]).matte
    result = put_on_background(matte, BackgroundValues(kind, "#ff0000", scene=files["wall"]))
    assert (result.size, result.mode) == (SIZE, "RGBA" if kind == "transparent" else "RGB")
    inner = np.s_[50:140, 46:74]
    assert np.array_equal(pixels(result)[inner], pixels(matte.image)[inner])
    if kind == "color":
        assert result.getpixel((2, 2)) == (255, 0, 0)


def test_a_cut_out_is_shown_on_squares(photos, files):
    shown = on_checkerboard(photos.subject(files["person"]).matte.cutout())
    assert shown.mode == "RGB"
    assert {shown.getpixel((2, 2)), shown.getpixel((14, 2))} == {(222,) * 3, (255,) * 3}


def test_results_of_the_networks_are_kept(run, files):
    calls = []
    photos = Photos(run._replace(subject=lambda image: calls.append(1) or find_subject(image)))
    assert photos.subject(files["person"]) is photos.subject(files["person"])
    assert len(calls) == 1


@pytest.mark.parametrize("method", METHODS)
def test_changes_touch_nothing_but_the_garment(photos, files, method):
    photo = photos.outfit(files["person"])
    mask = photo.mask(["1:top"])
    values = ChangeValues(method, source=files["other"], source_regions=["1:bottom"])
    result = change_clothes(photo.image, mask, values, photos).image
    changed = np.abs(pixels(result) - pixels(photo.image)).sum(2)
    assert changed[50:80, 46:74].mean() > 20
    assert changed[np.asarray(mask) == 0].max() == 0


@pytest.mark.parametrize("method", METHODS)
def test_a_strength_of_zero_changes_nothing(photos, files, method):
    photo = photos.outfit(files["person"])
    values = ChangeValues(method, source=files["other"], source_regions=["1:top"], strength=0.0)
    result = change_clothes(photo.image, photo.mask(["1:top"]), values, photos).image
    assert np.abs(pixels(result) - pixels(photo.image)).max() <= 1


def test_a_picture_can_be_the_pattern(photos, files, tmp_path):
    Image.new("RGB", (20, 20), "#ff0000").save(tmp_path / "red.png")
    photo = photos.outfit(files["person"])
    values = ChangeValues(PATTERN, tile=str(tmp_path / "red.png"))
    result = pixels(change_clothes(photo.image, photo.mask(["1:top"]), values, photos).image)
    assert (result[50:80, 50:70, 0] > result[50:80, 50:70, 2] + 50).all()


def test_a_change_without_the_second_photo_is_an_error(photos, files):
    photo = photos.outfit(files["person"])
    with pytest.raises(InputError, match="Choose the photo"):
        change_clothes(photo.image, photo.mask(["1:top"]), ChangeValues(FABRIC), photos)


@pytest.fixture
def clothes(photos):
    with gr.Blocks(), gr.Row():
        return ClothesTab(photos)


def test_a_photo_gets_a_result_at_once(clothes, files):
    outputs = values_of(clothes, clothes.change(files["person"], "", None, Shown(), [], *settings(clothes)))
    picker = outputs[clothes.panel.picker]
    assert picker["value"] == "1:bottom"  # the largest garment
    assert [row["name"] for row in picker["base"]["regions"]] == ["1:bottom", "1:top", "1:hair"]
    assert outputs[clothes.panel.editor]["base"]["photo"].startswith("gradio_api/file=")
    before, after = outputs[clothes.view.slider]
    assert Image.open(before).size == Image.open(after).size == SIZE
    png, jpeg = (outputs[button]["value"] for button in clothes.view.buttons)
    assert Path(png).name == "person-color.png"
    assert Image.open(png).size == Image.open(jpeg).size == SIZE


def test_the_same_photo_keeps_pickers_and_editor(clothes, files):
    shown = Shown(files["person"], ("1:top",))
    outputs = clothes.change(files["person"], "1:top", None, shown, [], *settings(clothes))
    values = values_of(clothes, outputs)
    assert values[clothes.panel.picker] == values[clothes.panel.editor] == gr.skip()
    outputs = clothes.change(files["person"], "1:top,1:bottom", None, shown, [], *settings(clothes))
    assert values_of(clothes, outputs)[clothes.panel.editor]["base"] is not None  # another area


def test_a_photo_without_people_changes_nothing_until_something_is_marked(clothes, files, tmp_path):
    outputs = clothes.change(files["wall"], "", None, Shown(), [], *settings(clothes))
    assert outputs[4] is None
    Image.new("L", SIZE, 255).save(tmp_path / "marked.png")
    shown = Shown(files["wall"], ())
    outputs = clothes.change(files["wall"], "", str(tmp_path / "marked.png"), shown, [], *settings(clothes))
    assert outputs[4] is not None


def test_a_choice_in_an_earlier_photo_is_dropped(clothes, files):
    shown = Shown(files["person"], ("1:bottom",))
    outputs = clothes.change(files["person"], SUBJECT, None, shown, [], *settings(clothes))
    assert all(output == gr.skip() for output in outputs)


def test_the_second_photo_is_asked_for_and_shown(clothes, files):
    def change(source, shown, regions=""):
        values = settings(clothes, method=PALETTE, source=source, source_regions=regions)
        return clothes.change(files["person"], "1:top", None, shown, [], *values)

    shown = Shown(files["person"], ("1:top",))
    assert change(None, shown)[4] is None
    outputs = change(files["other"], shown)
    assert outputs[1]["value"] == "1:top"  # a garment of the same kind
    assert outputs[4] is not None
    assert outputs[3] == Shown(files["person"], ("1:top",), files["other"])
    assert change(files["other"], outputs[3], "1:bottom")[1] == gr.skip()
    assert (
        change(files["other"], outputs[3], SUBJECT)[1]["value"] == "1:top"
    )  # the choice was an earlier photo's


def test_without_a_photo_everything_is_empty(clothes):
    outputs = clothes.change(None, "1:top", None, Shown("old.png"), [], *settings(clothes))
    assert outputs[0]["base"] is None
    assert outputs[4] is None


def test_only_the_latest_results_stay():
    shown = Shown("a.png", ("1:top",))
    history = []
    for number in range(MAX_HISTORY + 3):
        history = add_entry(history, Entry(f"{number}.jpg", f"color {number}", shown))
    assert [entry.path for entry in history[:2]] == ["10.jpg", "9.jpg"]
    assert len(history) == MAX_HISTORY
    replaced = add_entry(history, Entry("stronger.jpg", history[0].title, shown))
    assert [entry.path for entry in replaced[:2]] == ["stronger.jpg", "9.jpg"]


def test_people_are_chosen_by_the_number_of_their_regions(photos, files):
    photo = photos.outfit(files["pair"])
    assert len(photo.outfits) == 2
    assert usual_regions(photo) == ["1:bottom"]
    first, second = (np.asarray(photo.mask([f"{number}:top"])) for number in (1, 2))
    assert first[:, :60].max() == second[:, 60:].max() == 255
    assert first[:, 60:].max() == second[:, :60].max() == 0


def test_a_thing_is_the_main_subject(run, files):
    nobody = find_outfit(Image.open(files["wall"]).convert("RGB"))
    photos = Photos(run._replace(outfit=lambda image, parser: replace(nobody, image=image)))
    photo = photos.outfit(files["person"])
    assert [region.name for region in photo.regions()] == usual_regions(photo) == [SUBJECT]
    assert photo.mask([SUBJECT]).getextrema() == (0, 255)
    with pytest.raises(InputError, match="nobody"):
        find_mask(photo, "top", None)


@pytest.mark.parametrize("method", ["swapgan", *PLAIN_METHODS])
def test_people_are_dressed(run, photos, files, method):
    person, source = photos.outfit(files["person"]), photos.outfit(files["other"])
    result = dress(run, Swap(person, 1, source, 1, ["top", "shoes"]), method)
    assert result.image.size == SIZE
    assert bool(result.stages) == (method == "swapgan")
    if method in PLAIN_METHODS:
        changed = np.abs(pixels(result.image) - pixels(person.image)).sum(2)
        assert changed[100:].max() == 0  # trousers and what is around


def test_one_of_several_people_is_dressed(run, photos, files):
    person, source = photos.outfit(files["pair"]), photos.outfit(files["other"])
    result = dress(run, Swap(person, 2, source, 1, ["top"]), "swapgan")
    changed = np.abs(pixels(result.image) - pixels(person.image)).sum(2)
    assert changed[60, 90] > 0
    assert changed[:, :60].max() == 0


def test_a_swap_needs_people_and_a_garment_of_both(run, photos, files):
    person, wall = photos.outfit(files["person"]), photos.outfit(files["wall"])
    with pytest.raises(InputError, match="nobody in the second photo"):
        Swap(person, 1, wall, 1, ["top"])
    with pytest.raises(InputError, match="partner"):
        dress(run, Swap(person, 1, person, 1, ["shoes"]), "fabric")


def test_wear_theirs_asks_for_the_missing_photo(photos, run, files):
    with gr.Blocks(), gr.Row():
        tab = WearTab(photos, run)
    person = photos.outfit(files["person"])
    assert missing_photo(person, None) == MISSING.format(OUTFIT)
    assert "nobody" in missing_photo(person, photos.outfit(files["wall"]))
    assert missing_photo(None, None) == ""
    outputs = tab.change(files["person"], files["pair"], "", "", tab.inputs[4].value, "fabric", 1.0)
    assert outputs[0]["value"] == "1:bottom,1:top"
    assert len(outputs[1]["base"]["regions"]) == 2  # two people to choose from
    shown = tab.inputs[4].value._replace(person=files["person"], source=files["other"])
    outputs = tab.change(files["person"], files["other"], "1:top", "2", shown, "fabric", 1.0)
    assert all(output == gr.skip() for output in outputs)  # the second photo has one person only
    assert outputs[3] is not None


def test_names_of_garments_are_checked():
    assert parse_garments("top, SHOES ,") == ["top", "shoes"]
    with pytest.raises(InputError, match="no garment 'cape': please use top"):
        parse_garments("cape")


def test_garments_that_nobody_wears_are_an_error(photos, files):
    photo = photos.outfit(files["person"])
    with pytest.raises(InputError, match=r"do not see this in the picture: bag\. We see: hair, top"):
        find_mask(photo, "bag", None)
    assert find_mask(photo, "", None).getextrema() == (0, 255)


def test_masks_of_callers_have_the_shape_of_the_picture(photos, files, tmp_path):
    photo, path = photos.outfit(files["person"]), str(tmp_path / "mask.png")
    Image.new("L", (60, 80), 255).save(path)
    assert find_mask(photo, "", path).size == SIZE
    Image.new("L", (80, 60), 255).save(path)
    with pytest.raises(InputError, match="120 × 160"):
        find_mask(photo, "", path)


def test_colors_of_callers_are_checked():
    assert check_color("navy") == "navy"
    with pytest.raises(InputError, match=r"^A color must be .*'no color'\.$"):
        check_color("no color")


def test_texts_for_visitors_are_sentences():
    for text in (NOBODY, NOTHING, SOURCE_FIRST, NO_SUBJECT):
        assert text.endswith(".")
