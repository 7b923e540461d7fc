"""Attacks on the server: reading its files, using it as a proxy, filling it up, planting pages."""

import ast
import base64
import json
from pathlib import Path

import pytest

from shared.ui.arguments.blocks import UNUSABLE_FILE

ROOT = Path(__file__).resolve().parents[1]
META = {"_type": "gradio.FileData"}


def upload(http, name, data):
    answer = http.post("/gradio_api/upload", files={"files": (name, data)})
    assert answer.status_code == 200, answer.text
    return answer.json()[0]


def data_url(data, kind="jpeg"):
    """Return an image as a page or an agent may send it."""
    return f"data:image/{kind};base64," + base64.b64encode(data).decode()


def call(http, function, arguments):
    """Call an endpoint like curl; return its last event, `complete` or `error`, and the event's data.

    A call whose arguments are refused at once counts as one that ends with an error.
    """
    response = http.post(f"/gradio_api/call/v2/{function}", json=arguments)
    if response.status_code == 422:
        return "error", {"error": response.json()["detail"]}
    assert response.status_code == 200, response.text
    lines = http.get(f"/gradio_api/call/v2/{function}/{response.json()['event_id']}").text.splitlines()
    events = [line.partition(": ")[2] for line in lines if line.startswith("event: ")]
    data = [line.partition(": ")[2] for line in lines if line.startswith("data: ")]
    return events[-1], json.loads(data[-1])


@pytest.mark.parametrize(
    "target",
    [
        "/etc/passwd",
        str(ROOT / "app.py"),
        str(ROOT / "pyproject.toml"),
        "../../../etc/passwd",
        "http://127.0.0.1:1/",
        "http://169.254.169.254/latest/meta-data/",
    ],
)
def test_files_of_the_server_are_not_served(server, target):
    with server.http() as http:
        assert http.get(f"/gradio_api/file={target}").status_code in (403, 404)


def test_the_server_is_no_proxy(server):
    with server.http() as http:
        assert http.get("/gradio_api/proxy=http://127.0.0.1:1/").status_code == 400


@pytest.mark.parametrize(
    "fields",
    [
        {"meta": META},
        {},  # Gradio does not check the path of a gr.Image when `meta` is left out
        {"meta": {"_type": "something else"}},
        {"meta": META, "is_stream": True},
        {"is_stream": True},
        {"url": "http://127.0.0.1:1/"},
    ],
)
@pytest.mark.parametrize("function", ["detect_edges", "edge_details", "detect_edges_in_many"])
def test_images_of_the_server_are_not_read(server, cat_path, function, fields):
    path = {"path": str(cat_path), **fields}  # a valid image that nobody has uploaded
    arguments = {"images": [path]} if function.endswith("many") else {"image": path}
    with server.http() as http:
        event, answer = call(http, function, {**arguments, "engine": "canny"})
    assert event == "error"
    assert str(cat_path.parent) not in str(answer)


def test_addresses_inside_the_network_are_not_fetched(server):
    image = {"path": f"{server.url}/cards/edges.jpg", "meta": META}
    with server.http() as http:
        event, answer = call(http, "detect_edges", {"image": image})
    assert (event, answer["error"]) == ("error", UNUSABLE_FILE)


def test_oversized_uploads_are_rejected(server):
    with server.http() as http:
        answer = http.post("/gradio_api/upload", files={"files": ("large.png", b"\0" * (64 * 2**20 + 1))})
    assert answer.status_code == 413


def test_uploaded_pages_are_downloads(server):
    """An uploaded HTML page does not run under the suite's address."""
    with server.http() as http:
        path = upload(http, "evil.html", b"<script>alert(1)</script>")
        answer = http.get(f"/gradio_api/file={path}")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")


def test_svg_results_are_downloads(server, cat_path):
    with server.http() as http:
        path = upload(http, "photo.jpg", cat_path.read_bytes())
        event, answer = call(http, "edge_details", {"image": {"path": path, "meta": META}, "engine": "canny"})
        assert event == "complete"
        svg = http.get(answer[3]["url"].removeprefix(server.url))
    assert svg.headers["content-disposition"].startswith("attachment")


def test_names_of_uploads_stay_in_their_folder(server):
    with server.http() as http:
        path = upload(http, "../../outside.png", b"data")
    assert path.endswith("/outside.png")
    assert "/gradio/" in path
    assert ".." not in path


def test_unexpected_errors_reveal_nothing(server):
    """The text of the exception, here of a wrong field inside the request, stays on the server."""
    with server.http() as http:
        event, answer = call(http, "detect_edges", {"image": {"path": "a", "meta": META, "size": "x"}})
    assert (event, answer["error"]) == ("error", UNUSABLE_FILE)


@pytest.mark.parametrize(
    "path", ["/monitoring", "/monitoring/summary", "/docs", "/redoc", "/gradio_api/runs"]
)
def test_pages_for_developers_are_off(server, path):
    with server.http() as http:
        assert http.get(path).status_code in (403, 404)


def test_nothing_is_recorded_or_reported(server):
    with server.http() as http:
        config = http.get("/config").json()
    assert config["analytics_enabled"] is False
    assert not config.get("run_history")
    assert config["show_error"] is False


def documented_endpoints(tree):
    """Return the functions that are passed to `endpoint` and have a docstring, in the order of the file."""
    documented = {
        node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and ast.get_docstring(node)
    }
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    names = (node.args[0].id for node in calls if ast.unparse(node.func) in ("ui.endpoint", "endpoint"))
    return [name for name in names if name in documented]


def test_only_the_documented_functions_are_listed(server):
    """They are passed to `ui.endpoint` and have a docstring; functions that a page calls are private."""
    trees = [
        ast.parse(path.read_text(encoding="utf-8"))
        for path in (
            *(ROOT / "spaces").glob("*/app.py"),
            ROOT / "shared/translation/tabs/endpoints.py",
            ROOT / "shared/recognition/tabs/endpoints.py",
            ROOT / "shared/recognition/tabs/finding.py",
            ROOT / "shared/restyle/tabs/endpoints.py",
            ROOT / "shared/restyle/tabs/similar/endpoint.py",
            ROOT / "shared/restyle/tabs/generation_endpoints.py",
            ROOT / "shared/retrieval/tabs/lifelong_endpoints.py",
            ROOT / "shared/ui/gallery/endpoints.py",
        )
    ]
    *spaces, shared = map(documented_endpoints, trees)
    galleries = sum("gallery_endpoints(" in ast.unparse(tree) for tree in trees[:-1])
    # Functions that several spaces have work on the same gallery, and are listed once.
    offered = {name for names in (*spaces, shared) for name in names}
    with server.http() as http:
        names = http.get("/gradio_api/info").json()["named_endpoints"]
    assert {"detect_edges", "edge_details", "detect_edges_in_many", "search_by_text"} <= offered
    assert (len(shared), galleries) == (3, 3)
    assert set(names) == {f"/{name}" for name in offered}


def test_data_urls_are_opened_like_files(server, cat_path):
    def detect(http, data):
        url = f"data:image/png;base64,{data}"
        return call(http, "detect_edges", {"image": {"url": url, "meta": META}, "engine": "canny"})

    with server.http() as http:
        assert detect(http, base64.b64encode(cat_path.read_bytes()).decode())[0] == "complete"
        assert "not a picture" in detect(http, base64.b64encode(b"text").decode())[1]["error"]
        assert "base64" in detect(http, "@@")[1]["error"]
