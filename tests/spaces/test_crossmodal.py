"""The cross-modal space through its API: the Python client, plain HTTP, MCP, unusable input."""

import io
import json

import pytest
from gradio_client import handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from shared.core.images import THUMBNAIL_SIDE
from shared.crossmodal.engines import ENGINES, OFFLINE_ENGINES, SIGLIP
from shared.ui.sample_images import gallery_images, sample_images
from tests.spaces.test_edges import READABLE, UNREADABLE, decode
from tests.spaces.test_retrieval import files, names
from tests.test_security import META, call, data_url, upload

TOOLS = ["search_by_text", "search_by_image_and_text", "describe", "match"]
SENTENCES = (
    "A motorcycle stands in a garage.\nTwo children play on a beach.\nA motorcycle stands in a garage.\n"
)
SAMPLES = len(gallery_images())


@pytest.fixture(scope="module")
def motorcycle():
    return handle_file(sample_images()["motorcycle"])


@pytest.fixture
def search_by_text(client):
    """Function that searches with words and returns the results without the images."""
    return lambda text="a motorcycle", **options: client.predict(
        text=text, api_name="/search_by_text", **options
    )[0]


@pytest.mark.parametrize("engine", OFFLINE_ENGINES)
def test_words_find_an_image(client, engine):
    results, images = client.predict(text="a motorcycle", engine=engine, top_k=5, api_name="/search_by_text")
    assert names(results)[0].startswith("motorcycle")
    assert len(results["hits"]) == len(images) == 5
    for key in ("score", "probability"):
        values = [hit[key] for hit in results["hits"]]
        assert values == sorted(values, reverse=True)
        assert all(-1 <= value <= 1 for value in values)
    assert results["good_match"] == (results["hits"][0]["probability"] >= results["threshold"])
    assert (results["engine"], results["searched"]) == (engine, SAMPLES)
    assert max(decode(images[0]["image"]).size) == THUMBNAIL_SIDE


def test_options_of_a_search_with_words(search_by_text, motorcycle):
    results = search_by_text(top_k=100)
    min_score = results["hits"][2]["probability"] + 1e-3
    assert len(search_by_text(min_score=min_score)["hits"]) == 2
    assert search_by_text(images=[motorcycle])["searched"] == 1
    assert search_by_text("a motorcycle - motorcycle + 2:flower")["hits"]
    assert search_by_text("a zzyzx")["unknown_words"] == ["zzyzx"]


def test_an_image_and_words_are_weighted(client, search_by_text, motorcycle):
    def search(**options):
        return client.predict(image=motorcycle, api_name="/search_by_image_and_text", **options)[0]

    assert names(search())[:2] == ["motorcycle", "motorcycle again"]
    assert search()["good_match"] is None
    assert names(search(text="a flower", text_weight=1)) == names(search_by_text("a flower"))
    assert names(search(text="a flower", text_weight=0)) == names(search())
    assert names(search(text="a flower", text_weight=0.5)) != names(search())
    assert len(search(box="0, 0, 300, 300", top_k=3)["hits"]) == 3


def test_sentences_describe_an_image(client, motorcycle):
    built_in = client.predict(image=motorcycle, api_name="/describe")
    assert len(built_in["sentences"]) == 10
    assert any("cycl" in sentence["text"] for sentence in built_in["sentences"][:3])
    typed = client.predict(image=motorcycle, sentences=SENTENCES, api_name="/describe")
    assert [sentence["text"] for sentence in typed["sentences"]] == SENTENCES.split("\n")[:2]
    assert (built_in["good_match"], typed["good_match"]) == (True, True)


def test_an_image_and_a_text_are_matched(client, motorcycle):
    right, heatmap = client.predict(image=motorcycle, text="a red motorcycle", api_name="/match")
    wrong, _ = client.predict(image=motorcycle, text="two dogs on a beach", api_name="/match")
    assert right["probability"] > 0.5 > wrong["probability"]
    assert [word["word"] for word in right["words"]] == ["a", "red", "motorcycle"]
    assert max(right["words"], key=lambda word: word["score_drop"])["word"] == "motorcycle"
    assert right["score_without_hottest"] < right["score_without_coldest"]
    assert {"known", "in_distribution", "combined", "image", "text"} <= set(right["product"])
    assert max(decode(heatmap).size) == THUMBNAIL_SIDE


def test_a_visitors_gallery_is_private_and_has_a_key(visitor, motorcycle, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_text("no image")
    anna, ben = visitor(), visitor()
    report = anna.predict(images=[motorcycle, *files(bad)], api_name="/add_images")
    assert (report["count"], len(report["added"])) == (1, 1)
    assert [item["name"] for item in report["skipped"]] == ["bad.png"]

    def searched(client, **options):
        return client.predict(text="a motorcycle", api_name="/search_by_text", **options)[0]["searched"]

    assert (searched(anna), searched(ben)) == (1, SAMPLES)
    assert searched(ben, gallery=report["gallery"]) == 1
    image_ids = [image["id"] for image in report["images"]]
    assert anna.predict(image_ids=image_ids, api_name="/remove_images")["count"] == 0
    results, images = anna.predict(text="a motorcycle", api_name="/search_by_text")
    assert (results["hits"], results["searched"], images) == ([], 0, [])


def test_plain_http(server, cat_path):
    with server.http() as http:
        event, data = call(http, "search_by_text", {"text": "a motorcycle", "top_k": 3})
        assert event == "complete"
        assert names(data[0])[0].startswith("motorcycle")
        path = {"path": upload(http, "cat.jpg", cat_path.read_bytes()), "meta": META}
        event, data = call(http, "match", {"image": path, "text": "a cat"})
        assert event == "complete"
        assert 0 <= data[0]["probability"] <= 1


def test_mcp_tools(agent, cat_path):
    tools, use = agent()
    image = data_url(cat_path.read_bytes())
    for name in TOOLS:
        schema = tools[name].inputSchema
        assert all(field.get("description") for field in schema["properties"].values()), name
        assert "session" not in schema["properties"]
    assert tools["search_by_text"].inputSchema["properties"]["engine"]["enum"] == list(ENGINES)
    in_samples = use("search_by_text", text="a motorcycle")
    assert json.loads(in_samples.content[0].text)["searched"] == SAMPLES
    in_image = use("search_by_text", text="a cat", images=[image])
    assert json.loads(in_image.content[0].text)["searched"] == 1
    match = use("match", image=image, text="a cat")
    assert 0 <= json.loads(match.content[0].text)["probability"] <= 1
    assert (match.content[1].type, match.content[1].mimeType) == ("image", "image/png")
    refused = use("search_by_text", text="the of")
    assert refused.isError
    assert "names nothing to look for" in refused.content[0].text


@pytest.mark.parametrize(
    ("function", "options", "message"),
    [
        ("search_by_text", {"text": ""}, "Type some words"),
        ("search_by_text", {"text": "the of and"}, "names nothing to look for"),
        ("search_by_text", {"text": "x" * 10_000}, "this one has 10,000"),
        ("search_by_text", {"text": "?!"}, "no word in this text"),
        ("search_by_text", {"text": "dog - dog"}, "cancel each other out"),
        ("search_by_text", {"text": "- dog"}, "at least one thing"),
        ("search_by_text", {"text": "a dog", "engine": SIGLIP}, "HF_HUB_OFFLINE is set"),
        ("search_by_text", {"text": "dog", "engine": "magic"}, "must be one of"),
        ("search_by_text", {"text": "dog", "gallery": "mine"}, "no gallery behind this key"),
        ("search_by_text", {"text": "dog", "top_k": 0}, "must be a number from 1 to 100, not 0"),
        ("search_by_image_and_text", {"image": None, "text": "dog"}, "no picture yet"),
        ("search_by_image_and_text", {"text": "the"}, "names nothing to look for"),
        ("search_by_image_and_text", {"box": "9, 9, 9, 9"}, "lies outside the picture"),
        ("describe", {"image": None}, "no picture yet"),
        ("describe", {"sentences": "the of"}, "names nothing to look for"),
        ("match", {"text": ""}, "Write some words"),
        ("match", {"text": "x" * 10_000}, "this one has 10,000"),
        ("match", {"text": "it is"}, "names nothing to look for"),
        ("match", {"text": "dog", "image": None}, "no picture yet"),
    ],
)
def test_unusable_input_is_explained_in_one_sentence(client, cat_path, function, options, message):
    if function != "search_by_text":
        options = {"image": handle_file(cat_path), **options}
    with pytest.raises(AppError, match=message) as error:
        client.predict(api_name=f"/{function}", **options)
    assert len(str(error.value)) < 200


@pytest.mark.parametrize(
    "text", ["🐶 🏖️", "كلب على الشاطئ", "כלב על החוף", "犬が走る", "a\nb\tdog", "<b>dog</b>"]
)
def test_a_query_may_be_in_any_script(search_by_text, text):
    results = search_by_text(text)
    assert len(results["hits"]) == SAMPLES
    assert results["hits"][0]["probability"] <= 1


@pytest.mark.parametrize("function", ["search_by_image_and_text", "describe", "match"])
@pytest.mark.parametrize("name", ["text.png", "cut.jpg", "wide.png"])
def test_unreadable_files_are_explained_in_one_sentence(client, tmp_path, name, function):
    data, reason = UNREADABLE[name]
    (tmp_path / name).write_bytes(data)
    text = {} if function == "describe" else {"text": "a dog"}
    with pytest.raises(AppError, match=reason) as error:
        client.predict(image=handle_file(tmp_path / name), api_name=f"/{function}", **text)
    assert str(error.value).endswith(".")
    assert len(str(error.value)) < 200


@pytest.mark.parametrize("name", ["one_pixel.png", "thin.png", "palette.png"])
def test_unusual_files_work(client, tmp_path, name):
    data, _ = READABLE[name]
    (tmp_path / name).write_bytes(data)
    image = handle_file(tmp_path / name)
    assert client.predict(image=image, text="dog", api_name="/search_by_image_and_text")[0]["hits"]
    assert client.predict(image=image, api_name="/describe")["sentences"]
    assert 0 <= client.predict(image=image, text="a dog", api_name="/match")[0]["probability"] <= 1


def test_health_and_card(server):
    with server.http() as http:
        assert http.get("/healthz").json()["spaces"]["crossmodal"]["ok"]
        card = Image.open(io.BytesIO(http.get("/cards/crossmodal.jpg").content))
    assert card.size == (720, 480)
