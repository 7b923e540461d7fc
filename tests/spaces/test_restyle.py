"""The restyling space through its API: Gradio's Python client and MCP."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from gradio_client import handle_file
from gradio_client.exceptions import AppError
from huggingface_hub import metadata_load
from PIL import Image, ImageOps

from shared.matting.engine_rows import SUBJECTS
from shared.restyle.engines import DESCRIBERS, PARSERS, POSES, SWAPPERS
from shared.restyle.garment.designs import DESIGNS
from shared.restyle.tabs.endpoints import NOBODY
from shared.ui.sample_images import sample_images
from tests.spaces.test_edges import READABLE, UNREADABLE
from tests.test_security import data_url

ROOT = Path(__file__).resolve().parents[2]
SIMILAR = "/similar_outfits"
TOOLS = {
    "remove_background",
    "recolor_garment",
    "apply_pattern",
    "swap_outfit",
    "parse_outfit",
    "find_pose",
    "similar_outfits",
    "try_on_outfit",
    "replace_garment",
}


def decode(path):
    with Image.open(path) as image:
        image.load()
        return image


@pytest.fixture(scope="module")
def person_path(tmp_path_factory):
    """Path of a small photo of a person."""
    path = tmp_path_factory.mktemp("person") / "astronaut.jpg"
    Image.open(sample_images()["astronaut"]).resize((320, 320)).save(path, quality=92)
    return path


@pytest.fixture(scope="module")
def mask_path(tmp_path_factory):
    """Path of a mask of the left half of that photo."""
    path = tmp_path_factory.mktemp("mask") / "half.png"
    mask = Image.new("L", (320, 320), 0)
    mask.paste(255, (0, 0, 160, 320))
    mask.save(path)
    return path


def test_the_space_names_the_weights_of_its_engines():
    tables = (SUBJECTS, PARSERS, POSES, SWAPPERS, DESCRIBERS)
    names = {str(row.weights) for table in tables for row in table.values() if not row.from_hub}
    models = metadata_load(ROOT / "spaces" / "restyle" / "README.md")["models"]
    assert names == {name.rpartition("/")[2] for name in models}


def test_the_background_is_removed(client, cat_path):
    cutout = decode(client.predict(image=handle_file(cat_path), api_name="/remove_background"))
    assert (cutout.format, cutout.mode, cutout.size) == ("PNG", "RGBA", (240, 160))
    alpha = np.asarray(cutout.getchannel("A"))
    assert alpha.max() == 255
    assert 0.05 < (alpha > 127).mean() < 0.99


@pytest.mark.parametrize("background", ["color", "blur", "scene"])
def test_other_backgrounds(client, person_path, cat_path, background):
    settings = {"background": background, "color": "#ff0000", "background_image": handle_file(cat_path)}
    path = client.predict(image=handle_file(person_path), **settings, api_name="/remove_background")
    result, photo = decode(path), decode(person_path)
    assert (result.mode, result.size) == ("RGB", photo.size)
    cutout = decode(client.predict(image=handle_file(person_path), api_name="/remove_background"))
    alpha = np.asarray(cutout.getchannel("A"))
    changed = np.abs(np.asarray(result, int) - np.asarray(photo, int)).sum(2) > 30
    assert changed[alpha < 20].mean() > 0.1
    assert not changed[alpha == 255].any()


def test_only_the_mask_gets_the_color(client, person_path, mask_path):
    settings = {"image": handle_file(person_path), "mask": handle_file(mask_path), "color": "navy"}
    result = np.asarray(decode(client.predict(**settings, api_name="/recolor_garment")), int)
    photo = np.asarray(decode(person_path), int)
    assert np.array_equal(result[:, 160:], photo[:, 160:])
    assert np.abs(result - photo)[:, :160].mean() > 10


@pytest.mark.parametrize("pattern", list(DESIGNS)[:2])
def test_patterns(client, person_path, mask_path, pattern):
    settings = {"image": handle_file(person_path), "mask": handle_file(mask_path), "pattern": pattern}
    result = np.asarray(decode(client.predict(**settings, api_name="/apply_pattern")), int)
    photo = np.asarray(decode(person_path), int)
    assert np.array_equal(result[:, 160:], photo[:, 160:])
    assert np.abs(result - photo)[:, :160].mean() > 10


def test_a_person_is_found_with_clothes_and_pose(client, person_path):
    image, details = client.predict(image=handle_file(person_path), api_name="/parse_outfit")
    assert decode(image).size == (320, 320)
    assert details["is_person"] is True
    assert set(details["parts"]) & {"top", "outerwear", "dress"}
    image, details = client.predict(image=handle_file(person_path), api_name="/find_pose")
    assert decode(image).size == (320, 320)
    joints = {joint["name"]: joint for joint in details["joints"]}
    assert len(joints) == 17
    assert joints["nose"]["visible"]
    assert 120 < joints["nose"]["x"] < 170
    assert 50 < joints["nose"]["y"] < 110
    assert details["notes"] == []


def test_callers_are_told_that_a_photo_shows_nobody(client, cat_path):
    _, details = client.predict(image=handle_file(cat_path), api_name="/find_pose")
    assert details["notes"] == [NOBODY]


def test_a_garment_is_found_and_recolored(client, person_path):
    path = client.predict(image=handle_file(person_path), color="#1b2a49", api_name="/recolor_garment")
    changed = np.abs(np.asarray(decode(path), int) - np.asarray(decode(person_path), int)).sum(2) > 30
    assert 0.02 < changed.mean() < 0.9


@pytest.mark.parametrize("method", ["swapgan", "fabric", "colors"])
def test_outfits_are_swapped(client, person_path, method):
    settings = {"image": handle_file(person_path), "outfit": handle_file(person_path), "method": method}
    image, details = client.predict(**settings, api_name="/swap_outfit")
    assert decode(image).size == (320, 320)
    assert details["seconds"] > 0
    assert all(note.endswith(".") for note in details["notes"])


def test_similar_outfits_are_found_by_the_color_of_a_garment(client, person_path, cat_path, tmp_path):
    photo = Image.open(person_path)
    red, green, blue = photo.split()
    Image.merge("RGB", (blue, green, red)).save(tmp_path / "bluish.png")
    ImageOps.mirror(photo).save(tmp_path / "mirrored.png")
    paths = [cat_path, tmp_path / "bluish.png", tmp_path / "mirrored.png"]
    answer, pictures = client.predict(
        image=handle_file(person_path), images=[handle_file(path) for path in paths], api_name=SIMILAR
    )
    assert [hit["name"] for hit in answer["hits"]] == ["mirrored.png", "bluish.png"]
    assert answer["hits"][0]["score"] > answer["hits"][1]["score"]
    assert (answer["wearing"], answer["left_out"], answer["searched"]) == (2, 1, 3)
    assert decode(pictures[0]["image"]).size == (320, 320)


def test_similar_outfits_are_found_among_the_sample_photos(client, person_path):
    settings = {"image": handle_file(person_path), "garments": "outfit", "top_k": 5}
    answer, pictures = client.predict(**settings, api_name=SIMILAR)
    assert answer["garments"] == ["outfit"]
    assert answer["hits"][0]["name"] == "astronaut"
    assert len(pictures) == len(answer["hits"])
    assert answer["left_out"] > len(answer["hits"])


def test_similar_outfits_are_found_in_a_gallery_of_the_visitor(visitor, person_path, cat_path):
    anna = visitor()
    report = anna.predict(images=[handle_file(person_path), handle_file(cat_path)], api_name="/add_images")
    answer, _ = anna.predict(image=handle_file(person_path), api_name=SIMILAR)
    assert answer["hits"][0]["id"] == report["added"][0]
    assert answer["searched"] == report["count"]


@pytest.mark.parametrize("name", ["one_pixel.png", "thin.png", "rotated.jpg", "16-bit.png"])
def test_unusual_pictures_give_a_result_or_one_sentence(client, tmp_path, name):
    data, size = READABLE[name]
    (tmp_path / name).write_bytes(data)
    for endpoint in ("/remove_background", "/recolor_garment"):
        result, sentence = None, ""
        try:
            result = client.predict(image=handle_file(tmp_path / name), api_name=endpoint)
        except AppError as error:
            sentence = str(error)
        if result is None:
            assert sentence.endswith(".")
            assert "our side" not in sentence
        else:
            assert decode(result).size == size


@pytest.mark.parametrize("name", UNREADABLE)
def test_unreadable_pictures_are_explained(client, tmp_path, name):
    data, reason = UNREADABLE[name]
    (tmp_path / name).write_bytes(data)
    for endpoint in ("/remove_background", "/parse_outfit"):
        with pytest.raises(AppError, match=reason):
            client.predict(image=handle_file(tmp_path / name), api_name=endpoint)


@pytest.mark.parametrize(
    ("endpoint", "settings", "reason"),
    [
        ("/remove_background", {"image": None}, "no picture yet"),
        ("/remove_background", {"background": "color", "color": "no color"}, "color must be"),
        ("/remove_background", {"background": "magic"}, "must be one of"),
        ("/recolor_garment", {"garments": "cape"}, "no garment 'cape': please use top"),
        ("/recolor_garment", {"garments": "legwear"}, r"do not see|nobody"),
        ("/apply_pattern", {"pattern": "waves"}, "must be one of"),
        ("/swap_outfit", {"outfit": None}, "no picture yet"),
        (SIMILAR, {"garments": "cape"}, "no garment 'cape': please use top"),
        (SIMILAR, {"garments": "dress, legwear"}, "nobody in this photo who wears dress and legwear"),
        (SIMILAR, {"image": None}, "no picture yet"),
        (SIMILAR, {"gallery": "unknown"}, "no gallery behind this key"),
        ("/try_on_outfit", {"outfit": None}, "no picture yet"),
        ("/replace_garment", {"words": " "}, "no words yet"),
        ("/replace_garment", {"words": "a coat", "seed": 2**32}, "The seed must be from 0"),
        ("/parse_outfit", {"engine": "magic"}, "must be one of"),
    ],
)
def test_bad_input_is_explained_in_one_sentence(client, person_path, endpoint, settings, reason):
    arguments = {"image": handle_file(person_path), **settings}
    with pytest.raises(AppError, match=reason) as error:
        client.predict(**arguments, api_name=endpoint)
    assert len(str(error.value)) < 400
    assert "Traceback" not in str(error.value)


def test_a_photo_without_people_has_no_clothes(client, tmp_path):
    Image.new("RGB", (200, 160), "grey").save(tmp_path / "grey.png")
    for endpoint in ("/recolor_garment", SIMILAR):
        with pytest.raises(AppError, match="nobody"):
            client.predict(image=handle_file(tmp_path / "grey.png"), api_name=endpoint)


def test_mcp_tools(agent, cat_path):
    tools, use = agent()
    assert set(tools) >= TOOLS
    for name in TOOLS:
        assert tools[name].description
        assert all(field["description"] for field in tools[name].inputSchema["properties"].values()), name
    assert tools["apply_pattern"].inputSchema["properties"]["pattern"]["enum"] == list(DESIGNS)
    assert tools["remove_background"].inputSchema["required"] == ["image"]
    result = use("remove_background", image=data_url(cat_path.read_bytes()))
    assert (result.content[0].type, result.content[0].mimeType) == ("image", "image/png")
    assert decode(io.BytesIO(base64.b64decode(result.content[0].data))).mode == "RGBA"
    failure = use("remove_background", image=data_url(b"text", "png"))
    assert failure.isError
    assert "not a picture" in failure.content[0].text
