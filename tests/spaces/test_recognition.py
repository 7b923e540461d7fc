"""API of recognition: Gradio's Python client, plain HTTP, MCP tools, and images that cannot be used."""

import base64
import csv
import io
import json
import zipfile

import numpy as np
import pytest
from gradio_client import handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from shared.recognition.classifier import DOUBT
from shared.recognition.engines import CLASSIFIERS, SEGMENTERS
from tests.spaces.test_edges import READABLE, UNREADABLE
from tests.test_security import data_url

TOOLS = [
    *("classify", "segment", "main_subject", "explain", "recognize", "recognize_many"),
    *("find_by_words", "cut_out_at"),
]


def decode(path_or_content) -> Image.Image:
    source = io.BytesIO(path_or_content) if isinstance(path_or_content, bytes) else path_or_content
    with Image.open(source) as image:
        image.load()
        return image


@pytest.mark.parametrize("engine", ["lite", "plain", "cfn"])
def test_a_cat_is_a_cat(client, cat_path, engine):
    result = client.predict(image=handle_file(cat_path), engine=engine, api_name="/classify")
    probabilities = [prediction["probability"] for prediction in result["predictions"]]
    assert any("cat" in prediction["label"].split() for prediction in result["predictions"])
    assert probabilities == sorted(probabilities, reverse=True)
    assert len(probabilities) == 5
    assert 0 < sum(probabilities) <= 1
    assert result["engine"] == engine
    assert result["doubtful"] == (probabilities[0] < DOUBT)


def test_number_of_answers(client, cat_path):
    result = client.predict(image=handle_file(cat_path), top_k=12, api_name="/classify")
    assert len({prediction["id"] for prediction in result["predictions"]}) == 12
    with pytest.raises(AppError, match="must be a number from 1 to 20, not 21"):
        client.predict(image=handle_file(cat_path), top_k=21, api_name="/classify")


@pytest.mark.parametrize("engine", ["fcfn", "streets"])
def test_tinted_photo_has_the_size_of_the_photo(client, cat_path, engine):
    tinted = decode(client.predict(image=handle_file(cat_path), engine=engine, api_name="/segment"))
    assert (tinted.format, tinted.mode, tinted.size) == ("PNG", "RGB", (240, 160))


def test_main_subject_is_cut_out(client, cat_path):
    cutout = decode(client.predict(image=handle_file(cat_path), api_name="/main_subject"))
    assert (cutout.format, cutout.mode, cutout.size) == ("PNG", "RGBA", (240, 160))
    alpha = np.asarray(cutout)[..., 3]
    assert 0.05 < (alpha > 200).mean() < 0.95


def test_heat_depends_on_class_and_method(client, cat_path):
    def heat(**settings):
        image = decode(client.predict(image=handle_file(cat_path), api_name="/explain", **settings))
        assert (image.format, image.mode, image.size) == ("PNG", "RGB", (240, 160))
        return np.asarray(image).astype(int)

    default = heat()
    assert (default != np.asarray(Image.open(cat_path))).any()
    assert (default != heat(label="fountain")).any()
    assert (default != heat(method="occlusion")).any()
    assert np.array_equal(heat(label="Tiger Cat"), heat(label="tiger cat"))


@pytest.mark.parametrize("word", ["tigercat", "cats", "Egyptian cat"])
def test_common_words_for_a_class(client, cat_path, word):
    values, _ = client.predict(image=handle_file(cat_path), label=word, api_name="/recognize")
    assert "cat" in values["explanation"]["label"].split()
    assert values["explanation"]["synset"].startswith("n021")


def test_unknown_class_gets_similar_classes(client, cat_path):
    with pytest.raises(AppError, match=r"no class 'robot cat' here: please try [^.]*cat"):
        client.predict(image=handle_file(cat_path), label="robot cat", api_name="/explain")


def test_all_results_at_once(client, cat_path):
    values, path = client.predict(image=handle_file(cat_path), label="tabby", api_name="/recognize")
    assert values["size"] == [240, 160]
    assert len(values["classification"]["predictions"]) == 5
    assert values["explanation"]["label"] == "tabby cat"
    sources = list(values["explanation"]["contributions"])
    assert sources == ["objects", "textures", "patterns", "parts", "bias"]
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        images = {name: decode(archive.read(name)) for name in archive.namelist() if name.endswith(".png")}
        assert json.loads(archive.read("regions.json"))["regions"] == values["regions"]
    ids = np.asarray(images.pop("classes.png"))
    for region in values["regions"]:
        stem, (left, top, right, bottom) = region["label"].partition(" (")[0].replace(" ", "-"), region["box"]
        mask = ids == region["id"]
        assert abs(mask.mean() - region["area_fraction"]) < 1e-4
        assert np.array_equal(np.asarray(images.pop(f"{stem}-mask.png")) > 0, mask)
        cutout = images.pop(f"{stem}-cutout.png")
        assert (cutout.mode, cutout.size) == ("RGBA", (right - left, bottom - top))
    assert {name: (image.mode, image.size) for name, image in images.items()} == {
        "heat.png": ("L", (240, 160)),
        "heat-over-photo.png": ("RGB", (240, 160)),
    }


def test_many_photos_become_a_table(client, cat_path, tmp_path):
    bad, flower = tmp_path / "bad.png", tmp_path / "=1+1.png"
    bad.write_text("no picture")
    Image.new("RGB", (60, 40), "pink").save(flower)
    path, report = client.predict(
        images=[handle_file(file) for file in (cat_path, bad, flower)], api_name="/recognize_many"
    )
    assert [row[0] for row in report] == ["cat.jpg", "bad.png", flower.name]
    assert "not a picture" in report[1][1]
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        rows = list(csv.DictReader(archive.read("recognition.csv").decode("utf-8-sig").splitlines()))
        assert decode(archive.read("cat-classes.png")).size == (240, 160)
    assert "% sure · " in report[0][1]
    stem = names[2].partition("-classes.png")[0]
    suffixes = ("-classes.png", "-regions.jpg")
    files = [name + suffix for name in ("cat", stem) for suffix in suffixes]
    assert names == [*files, "recognition.csv"]
    assert any("cat" in rows[0][f"class {rank}"].split() for rank in range(1, 6))
    assert 0 < float(rows[0]["probability 1"]) <= 1
    assert rows[0]["doubtful"] in ("yes", "no")
    fractions = [float(region.rpartition(" ")[2]) for region in rows[0]["regions"].split("; ") if region]
    assert 0 <= sum(fractions) < 1.001
    assert (rows[1]["file"], rows[1]["class 1"]) == ("bad.png", "")
    assert rows[1]["note"].startswith("Skipped: This file is not a picture")
    assert rows[2]["file"] == "'=1+1.png"  # no formula


def test_plain_http(server, cat_path):
    image = {
        "url": data_url(cat_path.read_bytes()),
        "meta": {"_type": "gradio.FileData"},
    }
    with server.http() as http:
        started = http.post("/gradio_api/call/v2/classify", json={"image": image, "top_k": 3})
        answer = http.get(f"/gradio_api/call/v2/classify/{started.json()['event_id']}").text
    assert "event: complete" in answer
    data = answer.rpartition("data: ")[2].splitlines()[0]
    assert len(json.loads(data)[0]["predictions"]) == 3


def test_mcp_tools(agent, cat_path):
    tools, use = agent()
    image = data_url(cat_path.read_bytes())
    classes, regions = use("classify", image=image), use("segment", image=image)
    heat, unknown = (use("explain", image=image, label=label) for label in ("tiger cat", "unicorn"))
    for name in TOOLS:
        schema = tools[name].inputSchema
        assert schema["required"] == ["images" if name == "recognize_many" else "image"]
        assert all(field["description"] for field in schema["properties"].values()), name
    assert tools["classify"].inputSchema["properties"]["engine"]["enum"] == list(CLASSIFIERS)
    assert tools["segment"].inputSchema["properties"]["engine"]["enum"] == list(SEGMENTERS)
    assert len(json.dumps(tools["explain"].inputSchema)) < 3000  # without the names of all classes

    assert not classes.isError
    assert "cat" in classes.content[0].text
    for answer in (regions, heat):
        assert (answer.content[0].type, answer.content[0].mimeType) == ("image", "image/png")
        assert decode(base64.b64decode(answer.content[0].data)).size == (240, 160)
    assert unknown.isError
    assert "no class 'unicorn'" in unknown.content[0].text


@pytest.mark.parametrize("function", ["classify", "segment", "main_subject", "explain"])
@pytest.mark.parametrize("name", ["one_pixel.png", "thin.png", "palette.png"])
def test_unusual_images_work(client, tmp_path, name, function):
    content, size = READABLE[name]
    (tmp_path / name).write_bytes(content)
    result = client.predict(image=handle_file(tmp_path / name), api_name=f"/{function}")
    assert len(result["predictions"]) == 5 if function == "classify" else decode(result).size == size


@pytest.mark.parametrize("function", ["classify", "segment", "main_subject", "explain", "recognize"])
@pytest.mark.parametrize("name", ["text.png", "cut.jpg", "wide.png"])
def test_unusable_images_get_one_sentence(client, tmp_path, name, function):
    content, reason = UNREADABLE[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(AppError, match=reason) as error:
        client.predict(image=handle_file(tmp_path / name), api_name=f"/{function}")
    assert str(error.value).endswith(".")
    assert len(str(error.value)) < 200


@pytest.mark.parametrize("function", ["classify", "segment", "explain", "recognize"])
def test_missing_image_and_unknown_engine(client, cat_path, function):
    with pytest.raises(AppError, match="no picture yet"):
        client.predict(image=None, api_name=f"/{function}")
    with pytest.raises(AppError, match="must be one of"):
        client.predict(image=handle_file(cat_path), engine="magic", api_name=f"/{function}")


def test_missing_images_and_unknown_method(client, cat_path):
    with pytest.raises(AppError, match="choose one or more"):
        client.predict(images=[], api_name="/recognize_many")
    with pytest.raises(AppError, match="must be one of"):
        client.predict(image=handle_file(cat_path), method="magic", api_name="/explain")


def test_health_and_card(server):
    with server.http() as http:
        assert http.get("/healthz").json()["spaces"]["recognition"]["ok"]
        card = Image.open(io.BytesIO(http.get("/cards/recognition.jpg").content))
    assert card.size == (720, 480)
