"""Lifelong search through the API: a lesson, searches before and after it, keys, unusable input."""

import json
from pathlib import Path

import pytest
from gradio_client import handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from shared.core import weights
from shared.core.weights import WeightsError
from shared.retrieval.lifelong.samples import LESSONS, QUERIES, read_samples
from tests.conftest import start
from tests.test_security import data_url


@pytest.fixture(scope="module")
def samples():
    """Photos of ginger for a lesson, and one to search with, as files' contents by name."""
    try:
        folder = weights.find("retrieval-lifelong")
    except WeightsError as error:
        pytest.skip(str(error))
    photos = [sample.image for sample in read_samples(folder, LESSONS) if sample.label == "ginger"]
    query = next(sample.image for sample in read_samples(folder, QUERIES) if sample.label == "ginger")
    return photos, query


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The suite with short lessons."""
    app = Path(__file__).resolve().parents[1] / "short_lessons.py"
    server = start(tmp_path_factory.mktemp("server"), app)
    yield server
    server.stop()


@pytest.fixture
def files(samples, tmp_path):
    photos, query = samples
    for number, image in enumerate([*photos, query]):
        image.save(tmp_path / f"{number:02}.png")
    return sorted(tmp_path.glob("*.png"))


def learn(client, paths, name="ginger", **arguments):
    photos = [handle_file(path) for path in paths]
    return client.predict(name=name, photos=photos, api_name="/learn_class", **arguments)


def search(client, path, **arguments):
    answer, _ = client.predict(image=handle_file(path), api_name="/search_learned", **arguments)
    return answer


def test_a_class_is_learned_by_one_visitor_and_found(visitor, files):
    anna, ben = visitor(), visitor()
    *photos, query = files
    assert "before" not in search(anna, query)
    lesson = learn(anna, photos)
    assert lesson["known"][-1] == "ginger"
    assert lesson["found"]["old"][1] == 120
    assert lesson["found"]["new"][1] == len(photos) // 4
    assert lesson["curve"][-1]["step"] == 8
    assert len(lesson["forgotten"]) <= 120
    answer, pictures = anna.predict(image=handle_file(query), top_k=5, api_name="/search_learned")
    assert len(answer["hits"]) == len(answer["before"]) == len(pictures) == 5
    assert answer["searched"] == 120 + len(photos)
    assert "ginger" in {hit["label"] for hit in answer["hits"]}
    assert search(ben, query)["searched"] == 120
    assert search(ben, query, model=lesson["model"])["searched"] == 120 + len(photos)
    with pytest.raises(AppError, match="already knows 'ginger'"):
        learn(anna, photos)


def test_unusable_lessons_get_one_sentence(visitor, files, tmp_path):
    client = visitor()
    bad, plain = tmp_path / "bad.txt.png", tmp_path / "plain.png"
    bad.write_text("no image")
    Image.new("RGB", (60, 60), "white").save(plain)
    for arguments, reason in (
        ({"paths": files[:1]}, "1 different photo of 'ginger'"),
        ({"paths": files, "name": " "}, "a name"),
        ({"paths": files, "name": "Lemon"}, "already knows 'lemon'"),
        ({"paths": []}, "Add photos"),
        ({"paths": [bad]}, "not a picture"),
        ({"paths": [plain] * 5}, "show nothing"),
        ({"paths": files, "method": "ewc"}, "must be one of"),
        ({"paths": files, "model": "0" * 32}, "no taught model behind this key"),
    ):
        with pytest.raises(AppError, match=reason) as error:
            learn(client, **arguments)
        assert len(str(error.value)) < 200


def test_agents_have_models_of_their_own(agent, files):
    tools, use = agent()
    urls = [data_url(path.read_bytes(), "png") for path in files]
    for name in ("learn_class", "search_learned"):
        properties = tools[name].inputSchema["properties"]
        assert all(schema.get("description") for schema in properties.values()), name
        assert "session" not in properties
    answer = use("learn_class", name="ginger", photos=urls[:4], method="frozen")
    key = json.loads(answer.content[0].text)["model"]
    for options, searched in (({"model": key}, 124), ({}, 120)):
        found = use("search_learned", image=urls[-1], **options)
        assert json.loads(found.content[0].text)["searched"] == searched
