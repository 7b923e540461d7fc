"""Cross-modal search from the outside: the Python client, plain HTTP, MCP, and what cannot be used."""

import io

import pytest
from gradio_client import handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from shared.crossmodal.engines import OFFLINE_ENGINES, ENGINES, SIGLIP
from shared.gallery.thumbnails import MAX_SIDE
from shared.ui.sample_images import gallery_images, sample_images
from tests.spaces.test_edges import BAD, GOOD, opened
from tests.spaces.test_retrieval import files, names
from tests.test_security import META, call, data_url, upload

TOOLS = ["search_by_text", "search_by_image_and_text", "describe", "match"]
LINES = "A motorcycle stands in a garage.\nTwo children play on a beach.\nA motorcycle stands in a garage.\n"


@pytest.fixture(scope="module")
def gallery(client):
    """Names of the functions for galleries on a server where retrieval has the same: one number more."""
    known = client.view_api(return_format="dict")["named_endpoints"]
    numbers = [name for name in known if name.startswith("/add_images")]
    added = next(name for name in numbers if "crossmodal" in known[name]["description"])
    return {name: f"/{name}{added.removeprefix('/add_images')}" for name in ("add_images", "remove_images")}


@pytest.fixture(scope="module")
def motorcycle():
    return handle_file(sample_images()["motorcycle"])


@pytest.mark.parametrize("engine", OFFLINE_ENGINES)
def test_words_find_a_picture(client, engine):
    found, pictures = client.predict(text="a motorcycle", engine=engine, count=5, api_name="/search_by_text")
    assert names(found)[0].startswith("motorcycle")
    assert len(found["matches"]) == len(pictures) == 5
    for key in ("score", "probability"):
        values = [match[key] for match in found["matches"]]
        assert values == sorted(values, reverse=True)
        assert all(-1 <= value <= 1 for value in values)
    assert found["good"] == (found["matches"][0]["probability"] >= found["threshold"])
    assert (found["engine"], found["searched"]) == (engine, len(gallery_images()))
    assert max(opened(pictures[0]["image"]).size) == MAX_SIDE


def test_settings_of_words(client, motorcycle):
    def search(text="a motorcycle", **settings):
        return client.predict(text=text, api_name="/search_by_text", **settings)[0]

    every = search(count=100)
    least = every["matches"][2]["probability"] + 1e-3
    assert len(search(least=least)["matches"]) == 2
    assert search(photos=[motorcycle])["searched"] == 1
    assert search("a motorcycle - motorcycle + 2:flower")["matches"]
    assert search("a zzyzx")["unknown"] == ["zzyzx"]


def test_a_picture_and_words(client, motorcycle):
    def search(**settings):
        return client.predict(image=motorcycle, api_name="/search_by_image_and_text", **settings)[0]

    assert names(search())[:2] == ["motorcycle", "motorcycle again"]
    assert search()["good"] is None
    words = client.predict(text="a flower", api_name="/search_by_text")[0]
    assert names(search(text="a flower", share=1)) == names(words)
    assert names(search(text="a flower", share=0)) == names(search())
    assert names(search(text="a flower", share=0.5)) != names(search())
    assert len(search(box="0, 0, 300, 300", count=3)["matches"]) == 3


def test_sentences(client, motorcycle):
    found = client.predict(image=motorcycle, api_name="/describe")
    assert len(found["sentences"]) == 10
    assert any("cycl" in row["text"] for row in found["sentences"][:3])
    own = client.predict(image=motorcycle, lines=LINES, api_name="/describe")
    assert [row["text"] for row in own["sentences"]] == LINES.split("\n")[:2]
    assert (found["good"], own["good"]) == (False, True)


def test_a_picture_and_a_text_match(client, motorcycle):
    right, heat = client.predict(image=motorcycle, text="a red motorcycle", api_name="/match")
    wrong, _ = client.predict(image=motorcycle, text="two dogs on a beach", api_name="/match")
    assert right["probability"] > 0.5 > wrong["probability"]
    assert [word["word"] for word in right["words"]] == ["a", "red", "motorcycle"]
    assert max(right["words"], key=lambda word: word["lost"])["word"] == "motorcycle"
    assert right["without_hot"] < right["without_cold"]
    assert max(opened(heat).size) == MAX_SIDE


def test_a_gallery_of_ones_own(visitor, gallery, motorcycle, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_text("no picture")
    anna, ben = visitor(), visitor()
    told = anna.predict(images=[motorcycle, *files(bad)], api_name=gallery["add_images"])
    assert (told["count"], len(told["added"])) == (len(gallery_images()) + 1, 1)
    assert [one["name"] for one in told["skipped"]] == ["bad.png"]
    found, _ = anna.predict(text="a motorcycle", api_name="/search_by_text")
    assert found["searched"] == told["count"]
    found, _ = ben.predict(text="a motorcycle", api_name="/search_by_text")
    assert found["searched"] == len(gallery_images())
    found, _ = ben.predict(text="a motorcycle", gallery=told["gallery"], api_name="/search_by_text")
    assert found["searched"] == told["count"]
    everything = [one["id"] for one in told["images"]]
    assert anna.predict(image_ids=everything, api_name=gallery["remove_images"])["count"] == 0
    found, pictures = anna.predict(text="a motorcycle", api_name="/search_by_text")
    assert (found["matches"], found["searched"], pictures) == ([], 0, [])


def test_plain_http(server, photo):
    with server.http() as http:
        event, data = call(http, "search_by_text", {"text": "a motorcycle", "count": 3})
        assert event == "complete"
        assert names(data[0])[0].startswith("motorcycle")
        path = {"path": upload(http, "cat.jpg", photo.read_bytes()), "meta": META}
        event, data = call(http, "match", {"image": path, "text": "a cat"})
        assert event == "complete"
        assert 0 <= data[0]["probability"] <= 1


def test_mcp_tools(agent, photo):
    tools, use = agent()
    image = data_url(photo.read_bytes())
    wide = use("search_by_text", text="a motorcycle")
    narrow = use("search_by_text", text="a cat", photos=[image])
    told = use("match", image=image, text="a cat")
    refused = use("search_by_text", text="the of")
    for name in TOOLS:
        schema = tools[name].inputSchema
        assert all(field.get("description") for field in schema["properties"].values()), name
        assert "session" not in schema["properties"]
    assert tools["search_by_text"].inputSchema["properties"]["engine"]["enum"] == list(ENGINES)
    assert f"'searched': {len(gallery_images())}" in wide.content[0].text
    assert "'searched': 1," in narrow.content[0].text
    assert "probability" in told.content[0].text
    assert ".png" in told.content[0].text  # beside other results, Gradio gives agents a picture's address
    assert refused.isError
    assert "names nothing to look for" in refused.content[0].text


@pytest.mark.parametrize(
    ("function", "settings", "words"),
    [
        ("search_by_text", {"text": ""}, "Type some words"),
        ("search_by_text", {"text": "the of and"}, "names nothing to look for"),
        ("search_by_text", {"text": "x" * 10_000}, "this one has 10,000"),
        ("search_by_text", {"text": "?!"}, "no word in this text"),
        ("search_by_text", {"text": "dog - dog"}, "cancel each other out"),
        ("search_by_text", {"text": "- dog"}, "at least one thing"),
        ("search_by_text", {"text": "a dog", "engine": SIGLIP}, "HF_HUB_OFFLINE is set"),
        ("search_by_text", {"text": "dog", "engine": "magic"}, "not in the list of choices"),
        ("search_by_text", {"text": "dog", "gallery": "mine"}, "no gallery behind this key"),
        ("search_by_text", {"text": "dog", "count": 0}, "less than minimum value 1"),
        ("search_by_image_and_text", {"image": None, "text": "dog"}, "no picture yet"),
        ("search_by_image_and_text", {"text": "the"}, "names nothing to look for"),
        ("search_by_image_and_text", {"box": "9, 9, 9, 9"}, "holds nothing of the picture"),
        ("describe", {"image": None}, "no picture yet"),
        ("describe", {"lines": "the of"}, "names nothing to look for"),
        ("match", {"text": ""}, "Write some words"),
        ("match", {"text": "x" * 10_000}, "this one has 10,000"),
        ("match", {"text": "it is"}, "names nothing to look for"),
        ("match", {"text": "dog", "image": None}, "no picture yet"),
    ],
)
def test_what_cannot_be_gets_one_sentence(client, photo, function, settings, words):
    if function != "search_by_text":
        settings = {"image": handle_file(photo), **settings}
    with pytest.raises(AppError, match=words) as told:
        client.predict(api_name=f"/{function}", **settings)
    assert len(str(told.value)) < 200


@pytest.mark.parametrize(
    "text", ["🐶 🏖️", "كلب على الشاطئ", "כלב על החוף", "犬が走る", "a\nb\tdog", "<b>dog</b>"]
)
def test_any_script_is_searched_with(client, text):
    found, _ = client.predict(text=text, api_name="/search_by_text")
    assert len(found["matches"]) == len(gallery_images())
    assert found["matches"][0]["probability"] <= 1


@pytest.mark.parametrize("function", ["search_by_image_and_text", "describe", "match"])
@pytest.mark.parametrize("name", ["text.png", "cut.jpg", "wide.png"])
def test_bad_pictures_get_one_sentence(client, tmp_path, name, function):
    data, words = BAD[name]
    (tmp_path / name).write_bytes(data)
    more = {} if function == "describe" else {"text": "a dog"}
    with pytest.raises(AppError, match=words) as told:
        client.predict(image=handle_file(tmp_path / name), api_name=f"/{function}", **more)
    assert str(told.value).endswith(".")
    assert len(str(told.value)) < 200


@pytest.mark.parametrize("name", ["one_pixel.png", "thin.png", "palette.png"])
def test_odd_pictures_work(client, tmp_path, name):
    data, _ = GOOD[name]
    (tmp_path / name).write_bytes(data)
    image = handle_file(tmp_path / name)
    assert client.predict(image=image, text="dog", api_name="/search_by_image_and_text")[0]["matches"]
    assert client.predict(image=image, api_name="/describe")["sentences"]
    assert 0 <= client.predict(image=image, text="a dog", api_name="/match")[0]["probability"] <= 1


def test_health_and_card(server):
    with server.http() as http:
        assert http.get("/healthz").json()["spaces"]["crossmodal"]["ok"]
        card = Image.open(io.BytesIO(http.get("/cards/crossmodal.jpg").content))
    assert card.size == (720, 480)
