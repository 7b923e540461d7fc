"""Retrieval from the outside: sessions of the Python client, plain HTTP, MCP, and what cannot be used."""

import ast
import base64
import io
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest
from gradio_client import handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from shared.retrieval.engines import ENGINES
from shared.ui.sample_images import gallery_images, sample_images
from tests.spaces.test_edges import BAD, GOOD, opened
from tests.test_security import META, call, data_url, upload

TOOLS = ["search_similar", "explain_match", "add_images", "remove_images", "save_gallery"]


def files(*paths):
    return [handle_file(path) for path in paths]


def names(found):
    return [match["name"] for match in found["matches"]]


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_finds_the_photo_itself(client, engine):
    found, pictures = client.predict(
        image=handle_file(sample_images()["cat"]), engine=engine, count=5, api_name="/search_similar"
    )
    assert names(found)[0] == "cat"
    assert len(found["matches"]) <= 5
    scores = [match["score"] for match in found["matches"]]
    assert scores == sorted(scores, reverse=True)
    assert [match["rank"] for match in found["matches"]] == list(range(1, len(scores) + 1))
    assert (found["engine"], found["searched"]) == (engine, len(gallery_images()))
    assert len(pictures) == len(scores)
    assert opened(pictures[0]["image"]).size == Image.open(sample_images()["cat"]).size


@pytest.mark.parametrize("name", ["cat", "coffee", "rocket"])
def test_changed_photos_are_good_matches(client, edited_images, name):
    found, _ = client.predict(image=handle_file(edited_images[name]), api_name="/search_similar")
    assert names(found)[0] == name
    assert found["good"] is True
    best = found["matches"][0]
    assert best["score"] >= found["threshold"]
    assert best["grade"] == found["grades"][0]["name"] == "very likely the same"
    assert best["probability"] > 0.7
    assert [grade["false_accepts"] < grade["true_accepts"] for grade in found["grades"]] == [True, True]


def test_what_is_not_there_is_no_good_match(client, photo, edited_images):
    found, _ = client.predict(
        image=handle_file(photo),
        photos=files(edited_images["coffee"], edited_images["rocket"]),
        api_name="/search_similar",
    )
    assert len(found["matches"]) == 2
    assert found["good"] is False
    assert {match["grade"] for match in found["matches"]} == {"looks alike only"}
    assert max(match["probability"] for match in found["matches"]) < 0.5


def test_settings(client, photo, edited_images):
    def search(**settings):
        return client.predict(image=handle_file(photo), api_name="/search_similar", **settings)[0]

    every = search(count=100)
    least = (every["matches"][0]["score"] + every["matches"][1]["score"]) / 2
    assert names(search(count=3)) == names(every)[:3]
    assert names(search(least=least)) == names(every)[:1]
    twice = files(photo, sample_images()["cat"], edited_images["coffee"])
    hidden = search(photos=twice, hide=True)
    assert len(search(photos=twice)["matches"]) == 3
    assert len(hidden["matches"]) == 2
    assert hidden["matches"][0]["alike"] == 1


def test_a_box_searches_with_a_part(client, tmp_path):
    both = Image.new("RGB", (900, 400))
    for name, left in (("cat", 0), ("rocket", 450)):
        both.paste(Image.open(sample_images()[name]).resize((450, 400)), (left, 0))
    both.save(tmp_path / "both.png")
    for box, name in (("0, 0, 450, 400", "cat"), ("450, 0, 2000, 400", "rocket")):
        found, _ = client.predict(
            image=handle_file(tmp_path / "both.png"), box=box, api_name="/search_similar"
        )
        assert names(found)[0] == name


def test_a_session_from_adding_to_removing(visitor, photo, edited_images, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_text("no picture")
    with zipfile.ZipFile(tmp_path / "trip.zip", "w") as archive:
        archive.write(edited_images["rocket"], "trip/rocket-edited.jpg")
        archive.write(edited_images["rocket"], "../outside.jpg")
    anna, ben = visitor(), visitor()
    told = anna.predict(images=files(edited_images["coffee"], bad, tmp_path / "trip.zip"), api_name="/add_images")
    samples = len(gallery_images())
    assert (told["count"], len(told["added"])) == (samples + 2, 2)
    assert {one["name"] for one in told["skipped"]} == {"bad.png", "../outside.jpg"}
    assert all(one["reason"].rstrip().endswith(".") for one in told["skipped"])
    assert [one["name"] for one in told["images"]][-2:] == ["coffee-edited.jpg", "trip/rocket-edited.jpg"]

    found, _ = anna.predict(image=handle_file(edited_images["coffee"]), api_name="/search_similar")
    assert set(names(found)[:2]) == {"coffee-edited.jpg", "coffee"}
    found, _ = ben.predict(image=handle_file(edited_images["coffee"]), count=100, api_name="/search_similar")
    assert found["searched"] == samples  # nothing of anna's
    assert "coffee-edited.jpg" not in names(found)

    saved = anna.predict(api_name="/save_gallery")
    left = anna.predict(image_ids=told["added"], api_name="/remove_images")
    assert left["count"] == samples
    with pytest.raises(AppError, match="no picture of this id"):
        anna.predict(image_ids=told["added"], api_name="/remove_images")
    with pytest.raises(AppError, match="no picture of this id"):
        anna.predict(image=handle_file(photo), id=told["added"][0], api_name="/explain_match")
    again = ben.predict(images=files(saved), api_name="/add_images")
    assert (again["count"], again["gallery"] != told["gallery"]) == (samples + 2, True)

    everything = [one["id"] for one in again["images"]]
    assert ben.predict(image_ids=everything, api_name="/remove_images")["count"] == 0
    found, pictures = ben.predict(image=handle_file(photo), api_name="/search_similar")
    assert (found["matches"], found["searched"], pictures) == ([], 0, [])


def test_a_key_stands_for_a_session(visitor, edited_images):
    told = visitor().predict(images=files(edited_images["coffee"]), api_name="/add_images")
    found, _ = visitor().predict(
        image=handle_file(edited_images["coffee"]), gallery=told["gallery"], api_name="/search_similar"
    )
    assert found["searched"] == told["count"]
    with pytest.raises(AppError, match="no gallery behind this key"):
        visitor().predict(image=handle_file(edited_images["coffee"]), gallery="0" * 32, api_name="/search_similar")


def test_two_visitors_at_once(visitor, edited_images):
    """Each adds a picture of its own and finds it, and never the other's."""

    def use(name):
        client = visitor()
        told = client.predict(images=files(edited_images[name]), api_name="/add_images")
        found, _ = client.predict(image=handle_file(edited_images[name]), count=100, api_name="/search_similar")
        return told["gallery"], {found for found in names(found) if found.endswith("-edited.jpg")}

    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(use, edited_images))
    assert [found for _, found in results] == [{f"{name}-edited.jpg"} for name in edited_images]
    assert len({key for key, _ in results}) == 3


@pytest.mark.parametrize("engine", ["exact", "deepindex-multiple", "histogram"])
def test_explanations(client, edited_images, engine):
    found, _ = client.predict(image=handle_file(edited_images["cat"]), engine=engine, api_name="/search_similar")
    id = next(match["id"] for match in found["matches"] if match["name"] == "cat")
    both = opened(
        client.predict(image=handle_file(edited_images["cat"]), id=id, engine=engine, api_name="/explain_match")
    )
    assert (both.format, both.mode) == ("PNG", "RGB")
    assert both.width > both.height
    other = opened(
        client.predict(
            image=handle_file(edited_images["cat"]), id=0, photos=files(edited_images["cat"]), api_name="/explain_match"
        )
    )
    assert other.size[1] == both.size[1]


def test_plain_http(server, photo):
    with server.http() as http:
        path = {"path": upload(http, "cat.jpg", photo.read_bytes()), "meta": META}
        event, data = call(http, "search_similar", {"image": path, "count": 3})
        assert event == "complete"
        assert names(data[0])[0] == "cat"
        event, data = call(http, "add_images", {"images": [path]})
        assert event == "complete"
        event, data = call(http, "search_similar", {"image": path, "gallery": data[0]["gallery"]})
        assert "cat.jpg" in names(data[0])
        event, data = call(http, "search_similar", {"image": path})  # without the key, nothing of it
        assert "cat.jpg" not in names(data[0])


def test_mcp_tools_keep_agents_apart(agent, photo, edited_images):
    (tools, use), (_, use_other) = agent(), agent()
    image = data_url(photo.read_bytes())
    other = use_other("add_images", images=[data_url(edited_images["coffee"].read_bytes())])
    own = use("add_images", images=[image])
    # Gradio writes plain values as Python does
    own, other = (ast.literal_eval(answer.content[0].text) for answer in (own, other))
    with_key = use("search_similar", image=image, gallery=own["gallery"])
    without = use("search_similar", image=image)
    both = use("explain_match", image=image, id=0)
    unknown = use("remove_images", image_ids=[0, 999], gallery=own["gallery"])
    for name in TOOLS:
        schema = tools[name].inputSchema
        assert all(field.get("description") for field in schema["properties"].values()), name
        assert "session" not in schema["properties"]
    assert tools["search_similar"].inputSchema["required"] == ["image"]
    assert tools["explain_match"].inputSchema["required"] == ["image", "id"]
    assert tools["search_similar"].inputSchema["properties"]["engine"]["enum"] == list(ENGINES)

    assert own["gallery"] != other["gallery"]
    assert own["count"] == other["count"] == len(gallery_images()) + 1
    assert f"'searched': {own['count']}" in with_key.content[0].text
    assert f"'searched': {len(gallery_images())}" in without.content[0].text
    assert (both.content[0].type, both.content[0].mimeType) == ("image", "image/png")
    assert opened(io.BytesIO(base64.b64decode(both.content[0].data))).width > 300
    assert unknown.isError
    assert "no picture of this id" in unknown.content[0].text


@pytest.mark.parametrize("name", ["one_pixel.png", "thin.png", "palette.png"])
def test_odd_pictures_work(client, tmp_path, name):
    data, _ = GOOD[name]
    (tmp_path / name).write_bytes(data)
    picture = handle_file(tmp_path / name)
    found, _ = client.predict(image=picture, api_name="/search_similar")
    assert found["matches"]
    assert opened(client.predict(image=picture, id=0, api_name="/explain_match")).width > 1
    told = client.predict(image=picture, photos=[picture], api_name="/search_similar")[0]
    assert told["searched"] == 1


@pytest.mark.parametrize("function", ["search_similar", "explain_match"])
@pytest.mark.parametrize("name", ["text.png", "cut.jpg", "wide.png"])
def test_bad_pictures_get_one_sentence(client, tmp_path, name, function):
    data, words = BAD[name]
    (tmp_path / name).write_bytes(data)
    more = {"id": 0} if function == "explain_match" else {}
    with pytest.raises(AppError, match=words) as told:
        client.predict(image=handle_file(tmp_path / name), api_name=f"/{function}", **more)
    assert str(told.value).endswith(".")
    assert len(str(told.value)) < 200


@pytest.mark.parametrize(
    ("function", "settings", "words"),
    [
        ("search_similar", {"image": None}, "no picture yet"),
        ("search_similar", {"engine": "magic"}, "not in the list of choices"),
        ("search_similar", {"count": 0}, "less than minimum value 1"),
        ("search_similar", {"box": "700, 0, 900, 50"}, "holds nothing of the picture of 240 × 160"),
        ("search_similar", {"box": "all of it"}, "left, top, right, bottom"),
        ("search_similar", {"gallery": "mine"}, "no gallery behind this key"),
        ("explain_match", {"id": 12345}, "no picture of this id; its ids run from 0"),
        ("explain_match", {"id": 0, "box": "9, 9, 9, 9"}, "holds nothing of the picture"),
        ("add_images", {"images": []}, "choose one or more"),
        ("remove_images", {"ids": ["x"]}, "no picture of this id"),
        ("remove_images", {"ids": {"a": 1}}, "no picture of this id"),
    ],
)
def test_what_cannot_be_gets_one_sentence(client, photo, function, settings, words):
    if function in ("search_similar", "explain_match"):
        settings = {"image": handle_file(photo), **settings}
    with pytest.raises(AppError, match=words) as told:
        client.predict(api_name=f"/{function}", **settings)
    assert len(str(told.value)) < 200


def test_health_and_card(server):
    with server.http() as http:
        assert http.get("/healthz").json()["spaces"]["retrieval"]["ok"]
        card = Image.open(io.BytesIO(http.get("/cards/retrieval.jpg").content))
    assert card.size == (720, 480)
