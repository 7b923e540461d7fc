"""The suite's server: start and end, pages, health, metrics and settings."""

import ast
import os
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

import app
from shared.ui.sample_images import sample_images
from shared.ui.server import add_routes
from shared.ui.server_settings import ServerSettings

ROOT = Path(__file__).resolve().parents[1]


def test_first_page_within_eight_seconds(server):
    # Where other programs share the cores, the processor time says what an idle machine would take.
    assert min(server.seconds, server.cpu_seconds) < 8, (server.seconds, server.cpu_seconds)


@pytest.mark.parametrize("name", ["libtorch", "faiss"])
def test_the_first_page_does_not_wait_for_large_libraries(server, name):
    assert not any(name in library for library in server.libraries)


@pytest.mark.parametrize("path", ["/", *(f"/{name}" for name in app.NAMES), "/gradio_api/info", "/config"])
def test_pages_answer(server, path):
    with server.http() as http:
        assert http.get(path).status_code == 200


def test_each_space_has_a_different_card_image():
    names = [space.CARD_IMAGE for space in app.load_spaces().values()]
    assert set(names) <= set(sample_images())
    assert len(set(names)) == len(names) > 1


def test_cards_are_images(server):
    with server.http() as http:
        card = http.get("/cards/edges.jpg")
        assert card.headers["content-type"] == "image/jpeg"
        assert len(card.content) > 5_000
        assert http.get("/cards/nothing.jpg").status_code == 404


def test_healthz_runs_a_prediction(server):
    with server.http() as http:
        response = http.get("/healthz")
    assert response.status_code == 200
    assert response.json()["ok"] is True
    assert response.json()["spaces"]["edges"]["seconds"] > 0


def test_healthz_returns_503_when_a_space_fails():
    class Broken:
        @staticmethod
        def preview(image):
            raise RuntimeError("no weights")

    server = FastAPI()
    add_routes(server, {"edges": Broken})
    response = TestClient(server).get("/healthz")
    assert response.status_code == 503
    assert response.json()["ok"] is False
    assert response.json()["spaces"] == {"edges": {"ok": False}}


def test_livez_needs_no_prediction():
    server = FastAPI()
    add_routes(server, {})
    assert TestClient(server).get("/livez").json() == {"ok": True}


def test_metrics_count_calls_failures_and_seconds(server, client, cat_path, tmp_path):
    def value(name, engine, **labels):
        label_text = "".join(f',{key}="{text}"' for key, text in labels.items())
        with server.http() as http:
            text = http.get("/metrics").text
        line = (
            rf'^image_spaces_{name}\{{endpoint="edges/detect_edges",engine="{engine}"{label_text}\}} (\S+)$'
        )
        match = re.search(line, text, re.MULTILINE)
        return float(match[1]) if match else 0.0

    bad = tmp_path / "bad.png"
    bad.write_text("no picture")
    before = [value("requests_total", "canny"), value("failures_total", "canny", kind="expected")]
    client.predict(image=handle_file(cat_path), engine="canny", api_name="/detect_edges")
    with pytest.raises(AppError):
        client.predict(image=handle_file(bad), engine="canny", api_name="/detect_edges")
    assert value("requests_total", "canny") == before[0] + 2
    assert value("failures_total", "canny", kind="expected") == before[1] + 1
    assert value("seconds_sum", "canny") > 0
    assert value("failures_total", "canny", kind="internal") == 0


def test_a_port_in_use_is_reported_in_one_sentence(server):
    port = server.url.rpartition(":")[2]
    environment = os.environ | {"IMAGE_SPACES_PORT": port}
    process = subprocess.run(
        [sys.executable, "app.py"], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert process.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in process.stderr
    assert "IMAGE_SPACES_PORT=" in process.stderr
    assert "Traceback" not in process.stderr


def test_password_queue_and_ctrl_c(start_server, tmp_path):
    """With a password and a queue of one, strangers and excess calls are rejected; Ctrl-C ends the server."""
    server = start_server(IMAGE_SPACES_AUTH="anna:secret,ben:word", IMAGE_SPACES_QUEUE="1")
    with server.http() as http:
        assert http.get("/config").status_code == 401
        assert http.get("/healthz").status_code == 200
        assert http.post("/login", data={"username": "anna", "password": "wrong"}).status_code == 400
    client = Client(server.url, auth=("ben", "word"), verbose=False)
    large = tmp_path / "large.png"
    Image.effect_noise((1200, 900), 60).save(large)
    barrier = threading.Barrier(6)

    def call(_):
        barrier.wait()
        try:
            return client.predict(image=handle_file(large), engine="canny", api_name="/detect_edges")
        except Exception as error:
            return str(error)

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(call, range(6)))
    rejected = [answer for answer in answers if "waiting already" in answer]
    assert rejected
    assert len(rejected) < 6
    assert server.stop() == 0
    assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize(
    ("host", "root_path", "url"),
    [
        ("127.0.0.1", "", "http://127.0.0.1:7860"),
        ("0.0.0.0", "/images/", "http://127.0.0.1:7860/images"),
        ("::", "", "http://[::1]:7860"),
        ("127.0.0.1", "https://example.org/images/", "https://example.org/images"),
    ],
)
def test_the_address_for_a_browser(host, root_path, url):
    assert ServerSettings(host, 7860, root_path, ()).url == url


def test_settings_come_from_the_environment(monkeypatch):
    for name in ("HOST", "PORT", "ROOT_PATH", "AUTH"):
        monkeypatch.delenv(f"IMAGE_SPACES_{name}", raising=False)
    monkeypatch.setenv("GRADIO_SERVER_NAME", "0.0.0.0")
    monkeypatch.setenv("GRADIO_SERVER_PORT", "7000")
    assert ServerSettings.from_environment() == ServerSettings("0.0.0.0", 7000, "", ())
    monkeypatch.setenv("IMAGE_SPACES_HOST", "127.0.0.1")
    monkeypatch.setenv("IMAGE_SPACES_PORT", "8000")
    monkeypatch.setenv("IMAGE_SPACES_AUTH", "anna:a:b,ben:c")
    accounts = (("anna", "a:b"), ("ben", "c"))
    assert ServerSettings.from_environment() == ServerSettings("127.0.0.1", 8000, "", accounts)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("AUTH", "anna:b,c", "entry 2 has no password"),
        ("AUTH", "anna", "entry 1 has no password"),
        ("AUTH", ":secret", "entry 1 has no user"),
        ("AUTH", "anna:", "entry 1 has no password"),
        ("PORT", "http", "IMAGE_SPACES_PORT must be a whole number"),
    ],
)
def test_settings_of_another_form_are_one_sentence(monkeypatch, name, value, reason):
    monkeypatch.setenv(f"IMAGE_SPACES_{name}", value)
    with pytest.raises(SystemExit, match=reason) as error:
        ServerSettings.from_environment()
    assert name == "PORT" or value not in str(error.value)


def test_every_environment_setting_is_documented():
    documentation = ast.get_docstring(ast.parse((ROOT / "app.py").read_text()))
    names = {f"IMAGE_SPACES_{name}" for name in ("HOST", "PORT", "ROOT_PATH", "AUTH", "QUEUE")}
    assert names <= set(re.findall(r"IMAGE_SPACES_\w+", documentation))
