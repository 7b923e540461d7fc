"""The retrieval space through its API: sessions of the Python client, plain HTTP, MCP, unusable input."""

import base64
import io
import json
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest
from gradio_client import handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from shared.retrieval.engines import ENGINES, OFFLINE_ENGINES
from shared.ui.sample_images import gallery_images, sample_images
from tests.spaces.test_edges import READABLE, UNREADABLE
from tests.test_security import META, call, data_url, upload

TOOLS = ["search_similar", "explain_match", "add_images", "remove_images", "save_gallery"]
SAMPLES = len(gallery_images())


def files(*paths):
    return [handle_file(path) for path in paths]


def names(results):
    """Return the names of the hits of a search."""
    return [hit["name"] for hit in results["hits"]]


def decode(source):
    with Image.open(source) as image:
        image.load()
        return image


def search(client, path, **options):
    """Search with an image file, and return the results without the images."""
    results, _ = client.predict(image=handle_file(path), api_name="/search_similar", **options)
    return results


@pytest.mark.parametrize("engine", OFFLINE_ENGINES)
def test_every_engine_finds_the_image_itself(client, engine):
    results, images = client.predict(
        image=handle_file(sample_images()["cat"]), engine=engine, top_k=5, api_name="/search_similar"
    )
    assert names(results)[0] == "cat"
    assert len(results["hits"]) <= 5
    scores = [hit["score"] for hit in results["hits"]]
    assert scores == sorted(scores, reverse=True)
    assert [hit["rank"] for hit in results["hits"]] == list(range(1, len(scores) + 1))
    assert (results["engine"], results["searched"]) == (engine, SAMPLES)
    assert len(images) == len(scores)
    assert decode(images[0]["image"]).size == Image.open(sample_images()["cat"]).size


@pytest.mark.parametrize("engine", OFFLINE_ENGINES)
def test_scores_of_every_engine_differ(client, engine):
    results, _ = client.predict(
        image=handle_file(sample_images()["cat"]), engine=engine, top_k=6, api_name="/search_similar"
    )
    scores = [round(hit["score"], 2) for hit in results["hits"]]
    assert scores[0] >= 0.99
    assert len(set(scores)) >= 4
    assert all(-1 <= score <= 1 for score in scores)


@pytest.mark.parametrize("name", sample_images())
def test_every_example_finds_itself_under_the_right_wording(client, name):
    best, *_ = search(client, sample_images()[name])["hits"]
    assert (best["name"], best["confidence"]) == (name, "very likely the same")


@pytest.mark.parametrize("name", ["cat", "coffee", "rocket"])
def test_edited_images_are_good_matches(client, edited_images, name):
    results = search(client, edited_images[name])
    assert names(results)[0] == name
    assert results["good_match"] is True
    best = results["hits"][0]
    assert best["score"] >= results["threshold"]
    assert best["confidence"] == results["confidence_bands"][0]["name"] == "very likely the same"
    assert best["probability"] > 0.7
    bands = results["confidence_bands"]
    assert all(band["false_accept_rate"] < band["true_accept_rate"] for band in bands)
    assert bands[0]["min_score"] > bands[1]["min_score"]


def test_a_gallery_without_the_image_has_no_good_match(client, cat_path, edited_images):
    results = search(client, cat_path, images=files(edited_images["coffee"], edited_images["rocket"]))
    assert len(results["hits"]) == 2
    assert results["good_match"] is False
    assert {hit["confidence"] for hit in results["hits"]} == {"probably something else"}
    assert max(hit["probability"] for hit in results["hits"]) < 0.5


def test_options_limit_the_hits(client, cat_path, edited_images):
    complete = search(client, cat_path, top_k=100)
    between = (complete["hits"][0]["score"] + complete["hits"][1]["score"]) / 2
    assert names(search(client, cat_path, top_k=3)) == names(complete)[:3]
    assert names(search(client, cat_path, min_score=between)) == names(complete)[:1]
    images = files(cat_path, sample_images()["cat"], edited_images["coffee"])
    assert len(search(client, cat_path, images=images)["hits"]) == 3
    hidden = search(client, cat_path, images=images, hide_duplicates=True)["hits"]
    assert [hit["duplicate_count"] for hit in hidden] == [1, 0]


def test_a_box_searches_with_a_part(client, tmp_path):
    pair = Image.new("RGB", (900, 400))
    for name, left in (("cat", 0), ("rocket", 450)):
        pair.paste(Image.open(sample_images()[name]).resize((450, 400)), (left, 0))
    pair.save(tmp_path / "pair.png")
    for box, name in (("0, 0, 450, 400", "cat"), ("450, 0, 2000, 400", "rocket")):
        assert names(search(client, tmp_path / "pair.png", box=box))[0] == name


def test_a_session_from_adding_to_removing(visitor, cat_path, edited_images, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_text("no image")
    with zipfile.ZipFile(tmp_path / "trip.zip", "w") as archive:
        archive.write(edited_images["rocket"], "trip/rocket-edited.jpg")
        archive.write(edited_images["rocket"], "../outside.jpg")
    anna, ben = visitor(), visitor()
    images = files(edited_images["coffee"], bad, tmp_path / "trip.zip")
    report = anna.predict(images=images, api_name="/add_images")
    coffee = edited_images["coffee"].name
    assert (report["count"], len(report["added"])) == (2, 2)
    assert {skipped["name"] for skipped in report["skipped"]} == {"bad.png", "../outside.jpg"}
    assert all(skipped["reason"].rstrip().endswith(".") for skipped in report["skipped"])
    assert [image["name"] for image in report["images"]] == [coffee, "trip/rocket-edited.jpg"]

    assert names(search(anna, edited_images["coffee"])) == [coffee, "trip/rocket-edited.jpg"]
    by_words = anna.predict(text="a cup of coffee", api_name="/search_by_text")[0]
    assert names(by_words)[0] == coffee  # the same pictures in another space
    results = search(ben, edited_images["coffee"], top_k=100)
    assert results["searched"] == SAMPLES
    assert coffee not in names(results)  # another visitor sees nothing of it

    saved = anna.predict(api_name="/save_gallery")
    remaining = anna.predict(image_ids=report["added"], api_name="/remove_images")
    assert remaining["count"] == 0
    with pytest.raises(AppError, match="no picture with this id"):
        anna.predict(image_ids=report["added"], api_name="/remove_images")
    with pytest.raises(AppError, match="no picture with this id"):
        anna.predict(image=handle_file(cat_path), image_id=report["added"][0], api_name="/explain_match")
    restored = ben.predict(images=files(saved), api_name="/add_images")
    assert (restored["count"], restored["gallery"] != report["gallery"]) == (2, True)

    ids = [image["id"] for image in restored["images"]]
    assert ben.predict(image_ids=ids, api_name="/remove_images")["count"] == 0
    results, images = ben.predict(image=handle_file(cat_path), api_name="/search_similar")
    assert (results["hits"], results["searched"], images) == ([], 0, [])


def test_a_key_selects_a_gallery(visitor, edited_images):
    report = visitor().predict(images=files(edited_images["coffee"]), api_name="/add_images")
    results = search(visitor(), edited_images["coffee"], gallery=report["gallery"])
    assert results["searched"] == report["count"]
    with pytest.raises(AppError, match="no gallery behind this key"):
        search(visitor(), edited_images["coffee"], gallery="0" * 32)


def test_concurrent_visitors_keep_their_images_apart(visitor, edited_images):
    def use(name):
        client = visitor()
        report = client.predict(images=files(edited_images[name]), api_name="/add_images")
        results = search(client, edited_images[name], top_k=100)
        added = {path.name for path in edited_images.values()}
        return report["gallery"], added.intersection(names(results))

    with ThreadPoolExecutor(3) as pool:
        outcomes = list(pool.map(use, edited_images))
    assert [hits for _, hits in outcomes] == [{path.name} for path in edited_images.values()]
    assert len({key for key, _ in outcomes}) == 3


@pytest.mark.parametrize("engine", ["exact", "deepindex-multiple", "histogram"])
def test_explanations(client, edited_images, engine):
    def explain(**options):
        image = handle_file(edited_images["cat"])
        return decode(client.predict(image=image, api_name="/explain_match", **options))

    results = search(client, edited_images["cat"], engine=engine)
    image_id = next(hit["id"] for hit in results["hits"] if hit["name"] == "cat")
    drawing = explain(image_id=image_id, engine=engine)
    assert (drawing.format, drawing.mode) == ("PNG", "RGB")
    assert drawing.width > drawing.height
    with_images = explain(image_id=0, images=files(edited_images["cat"]))
    assert with_images.height == drawing.height


def test_plain_http(server, cat_path):
    with server.http() as http:
        image = {"path": upload(http, "cat.jpg", cat_path.read_bytes()), "meta": META}
        event, answer = call(http, "search_similar", {"image": image, "top_k": 3})
        assert event == "complete"
        assert names(answer[0])[0] == "cat"
        event, answer = call(http, "add_images", {"images": [image]})
        assert event == "complete"
        key = answer[0]["gallery"]
        event, answer = call(http, "search_similar", {"image": image, "gallery": key})
        assert "cat.jpg" in names(answer[0])
        event, answer = call(http, "search_similar", {"image": image})
        assert "cat.jpg" not in names(answer[0])


def test_mcp_tools(agent, cat_path, edited_images):
    """Agents share a session, and so use keys to keep their galleries apart."""
    (tools, use), (_, use_second) = agent(), agent()
    image = data_url(cat_path.read_bytes())
    second_answer = use_second("add_images", images=[data_url(edited_images["coffee"].read_bytes())])
    answer = use("add_images", images=[image])
    report, second_report = (json.loads(part.content[0].text) for part in (answer, second_answer))
    with_key = use("search_similar", image=image, gallery=report["gallery"])
    without_key = use("search_similar", image=image)
    drawing = use("explain_match", image=image, image_id=0)
    unknown = use("remove_images", image_ids=[0, 999], gallery=report["gallery"])
    for name in TOOLS:
        properties = tools[name].inputSchema["properties"]
        assert all(schema.get("description") for schema in properties.values()), name
        assert "session" not in properties
    assert tools["search_similar"].inputSchema["required"] == ["image"]
    assert tools["explain_match"].inputSchema["required"] == ["image", "image_id"]
    assert tools["search_similar"].inputSchema["properties"]["engine"]["enum"] == list(ENGINES)

    assert report["gallery"] != second_report["gallery"]
    assert report["count"] == second_report["count"] == 1
    assert json.loads(with_key.content[0].text)["searched"] == report["count"]
    assert json.loads(without_key.content[0].text)["searched"] == SAMPLES
    assert json.loads(with_key.content[1].text)[0]["image"].startswith("http://")
    assert (drawing.content[0].type, drawing.content[0].mimeType) == ("image", "image/png")
    assert decode(io.BytesIO(base64.b64decode(drawing.content[0].data))).width > 300
    assert unknown.isError
    assert "no picture with this id" in unknown.content[0].text


@pytest.mark.parametrize("name", ["one_pixel.png", "thin.png", "palette.png"])
def test_unusual_images_work(client, tmp_path, name):
    content, _ = READABLE[name]
    (tmp_path / name).write_bytes(content)
    image = handle_file(tmp_path / name)
    assert search(client, tmp_path / name)["hits"]
    assert decode(client.predict(image=image, image_id=0, api_name="/explain_match")).width > 1
    assert search(client, tmp_path / name, images=[image])["searched"] == 1


@pytest.mark.parametrize("function", ["search_similar", "explain_match"])
@pytest.mark.parametrize("name", ["text.png", "cut.jpg", "wide.png"])
def test_unusable_images_get_one_sentence(client, tmp_path, name, function):
    content, reason = UNREADABLE[name]
    (tmp_path / name).write_bytes(content)
    arguments = {"image_id": 0} if function == "explain_match" else {}
    with pytest.raises(AppError, match=reason) as error:
        client.predict(image=handle_file(tmp_path / name), api_name=f"/{function}", **arguments)
    assert str(error.value).endswith(".")
    assert len(str(error.value)) < 200


@pytest.mark.parametrize(
    ("function", "arguments", "reason"),
    [
        ("search_similar", {"image": None}, "no picture yet"),
        ("search_similar", {"engine": "magic"}, "must be one of"),
        ("search_similar", {"top_k": 0}, "must be a number from 1 to 100, not 0"),
        ("search_similar", {"box": "700, 0, 900, 50"}, "outside the picture, which has 240 × 160"),
        ("search_similar", {"box": "all of it"}, "left, top, right, bottom"),
        ("search_similar", {"gallery": "mine"}, "no gallery behind this key"),
        ("explain_match", {"image_id": 12345}, "no picture with this id; its ids run from 0"),
        ("explain_match", {"image_id": 0, "box": "9, 9, 9, 9"}, "outside the picture"),
        ("add_images", {"images": []}, "choose one or more"),
        ("remove_images", {"image_ids": ["x"]}, "must be a list of whole numbers"),
        ("remove_images", {"image_ids": {"a": 1}}, "must be a list of whole numbers"),
    ],
)
def test_unusable_arguments_get_one_sentence(client, cat_path, function, arguments, reason):
    if function in ("search_similar", "explain_match"):
        arguments = {"image": handle_file(cat_path), **arguments}
    with pytest.raises(AppError, match=reason) as error:
        client.predict(api_name=f"/{function}", **arguments)
    assert len(str(error.value)) < 200


def test_health_and_card(server):
    with server.http() as http:
        assert http.get("/healthz").json()["spaces"]["retrieval"]["ok"]
        card = Image.open(io.BytesIO(http.get("/cards/retrieval.jpg").content))
    assert card.size == (720, 480)
