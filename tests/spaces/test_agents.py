"""Agents (MCP): results that the next tool takes, values as JSON, addresses that are refused, passwords."""

import base64
import io
import json

import pytest
from PIL import Image

from shared.ui.tool_server import FILE_HINT, FILE_ROUTE
from tests.test_security import data_url

RPC = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


def address(answer):
    """Return the address of an answer's last image."""
    return [part.text for part in answer.content if part.type == "text"][-1].removeprefix("Image URL: ")


def error(answer):
    """Return the text of an answer that is an error."""
    assert answer.isError
    (part,) = answer.content
    assert len(part.text) < 300
    return part.text


@pytest.fixture
def drawing(agent, cat_path):
    """Return a function that calls a tool, and the address of a result."""
    _, use = agent()
    return use, address(use("detect_edges", image=data_url(cat_path.read_bytes()), engine="canny"))


def test_the_result_of_a_tool_is_the_input_of_the_next(drawing, server):
    use, url = drawing
    assert url.startswith(f"{server.url}{FILE_ROUTE}")
    answer = use("detect_edges", image=url, engine="canny", style="black on white")
    assert Image.open(io.BytesIO(base64.b64decode(answer.content[0].data))).size == (240, 160)
    for next_url in (address(answer), url.replace("http://", "https://")):
        assert not use("classify", image=next_url).isError


def test_lists_take_results_and_report_each_bad_file(drawing):
    use, url = drawing
    images = [url, "data:image/png;base64,@@", "https://nowhere.invalid/beach.jpg"]
    answer = use("detect_edges_in_many", images=images, engine="canny")
    report = json.loads(answer.content[-1].text)
    assert [name for name, _ in report] == ["picture-edges.png", "data URL", "beach.jpg"]
    assert [outcome.startswith("Skipped") for _, outcome in report] == [False, True, True]


def test_values_are_json_and_images_are_images(drawing):
    use, url = drawing
    answer = use("edge_details", image=url, engine="canny")
    kinds = [part.type for part in answer.content]
    assert kinds == ["image", "text", "text", "image", "text", "text", "text"]
    sides, figures = (json.loads(answer.content[number].text) for number in (2, 6))
    assert [side["image"].partition(FILE_ROUTE)[1] for side in sides] == [FILE_ROUTE] * 5
    assert figures["size"] == [240, 160]


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (
            "https://nowhere.invalid/photo.jpg",
            "Nothing can be fetched from https://nowhere.invalid/photo.jpg",
        ),
        ("http://169.254.169.254/latest/meta-data/", "Nothing can be fetched"),
        ("http://127.0.0.1:1/gradio_api/file=/etc/passwd", "Nothing can be fetched"),
        ("{url}/cards/edges.jpg", "Nothing can be fetched"),
        ("{url}/gradio_api/file=/etc/passwd", "no result at this address"),
        ("{url}/gradio_api/file={cat}", "no result at this address"),
        ("{result}/../../../../../../../../etc/passwd", "no result at this address"),
        ("{result}.jpg", "no result at this address"),
        ("{cat}", "is neither"),
        ("photo.jpg", "is neither"),
        ("data:image/png;base64,@@", "not valid base64"),
    ],
)
def test_other_addresses_are_refused_in_one_sentence(drawing, server, cat_path, image, reason):
    use, result = drawing
    image = image.format(url=server.url, cat=cat_path, result=result)
    assert reason in error(use("detect_edges", image=image, engine="canny"))


def test_the_host_of_a_request_opens_no_other_files(server, cat_path):
    """A file is taken from this server's results, whichever host the caller names."""
    image = f"http://example.org{FILE_ROUTE}{cat_path}"
    call = {"name": "detect_edges", "arguments": {"image": image, "engine": "canny"}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    with server.http() as http:
        answer = http.post("/gradio_api/mcp/", json=body, headers={**RPC, "Host": "example.org"})
    assert "no result at this address" in answer.text


def test_descriptions_are_for_programmers(agent):
    tools, _ = agent()
    for name, tool in tools.items():
        text = json.dumps(tool.inputSchema) + tool.description
        for internal in ("page fills in", "Gradio", "gradio", "FileData", "upload_file", ", the, "):
            assert internal not in text, name
        fields = tool.inputSchema["properties"].values()
        assert all(field["description"].endswith((".", ")")) for field in fields), name
        formats = {field.get("items", field).get("format") for field in fields}
        assert (FILE_HINT in tool.description) is ("uri" in formats), name
    assert tools["detect_edges"].inputSchema["properties"]["thin"]["default"] is False


def test_with_a_password_agents_send_it(start_server, cat_path):
    server = start_server(IMAGE_SPACES_AUTH="anna:secret,ben:w:rd")
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    image = data_url(cat_path.read_bytes())
    call = {"name": "detect_edges", "arguments": {"image": image, "engine": "canny"}}
    with server.http() as http:
        for auth in (None, ("anna", "wrong"), ("anna", ""), ("ben", "w")):
            for path in ("/gradio_api/mcp/", "/gradio_api/mcp", "/gradio_api/mcp/http"):
                answer = http.post(path, json=body, headers=RPC, auth=auth)
                assert (answer.status_code, "detect_edges" in answer.text) == (401, False)
            assert http.get("/gradio_api/mcp/schema", auth=auth).status_code == 401
            assert http.get("/gradio_api/mcp/sse", auth=auth).status_code == 401
            assert http.get("/config", auth=auth).status_code == 401
        for auth in (("anna", "secret"), ("ben", "w:rd")):
            assert "detect_edges" in http.post("/gradio_api/mcp/", json=body, headers=RPC, auth=auth).text
            assert http.get("/config", auth=auth).status_code == 200
        body |= {"method": "tools/call", "params": call}
        answer = http.post("/gradio_api/mcp/", json=body, headers=RPC, auth=("ben", "w:rd"))
        assert '"type":"image"' in answer.text
        assert http.post("/login", data={"username": "anna", "password": "secret"}).status_code == 200
        assert http.get("/gradio_api/mcp/schema").status_code == 200  # with the cookie of the login
    assert server.stop() == 0
