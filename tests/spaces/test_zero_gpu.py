"""Spaces on ZeroGPU: each public endpoint works where every run of a network has a process of its own.

`tests/zero_gpu/spaces.py` stands in for Hugging Face's package, whose rules it keeps.
"""

import ast
import os
import re
import time
from collections import Counter

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from shared.ui.sample_images import sample_images
from tests.conftest import ROOT

SPACES = sorted(path.parent for path in (ROOT / "spaces").glob("*/app.py"))
each_space = pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)

#: Largest number of seconds that a call may reserve: what an anonymous visitor has in a day.
MAX_DURATION = 120
#: Endpoints of galleries run on the CPU, since a gallery cannot follow to the GPU.
ON_CPU = {
    *("add_images", "remove_images", "save_gallery", "search_similar", "explain_match", "similar_outfits"),
    *("search_by_text", "search_by_image_and_text", "describe", "match", "learn_class", "search_learned"),
}
#: Spaces whose endpoints all do.
CPU_SPACES = {"crossmodal", "retrieval"}
#: Endpoints of models that come from the Hub, which cannot be reached here.
FROM_HUB = {"edit", "try_on_outfit", "replace_garment", "find_by_words", "cut_out_at"}
VALUES = {"text": "a lion", "prompt": "make it winter", "name": "apples", "words": "a red shirt"}


@pytest.fixture
def zero_gpu(start_server, tmp_path):
    """Return a function that starts an app on ZeroGPU, and one that counts its runs by duration."""
    log = tmp_path / "gpu.log"

    def start(app, **settings):
        return start_server(
            app=app,
            PYTHONPATH=os.pathsep.join([str(ROOT / "tests" / "zero_gpu"), str(ROOT)]),
            SPACES_ZERO_GPU="true",
            ZERO_GPU_LOG=str(log),
            IMAGE_SPACES_CPU_RUNTIME="torch",  # which networks on a GPU have
            **settings,
        )

    def runs():
        lines = log.read_text().splitlines() if log.is_file() else []
        return Counter(int(line.split()[-3]) for line in lines)

    return start, runs


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Small photos: one for each kind of argument."""
    folder = tmp_path_factory.mktemp("photos")
    paths = {}
    for name in ("astronaut", "cat", "coffee", "rocket", "motorcycle"):
        image = Image.open(sample_images()[name]).convert("RGB")
        image.thumbnail((256, 256))
        paths[name] = folder / f"{name}.jpg"
        image.save(paths[name])
    return paths


def arguments(parameters, photos):
    """Return a value for each argument without a default."""
    values = {}
    for parameter in parameters:
        name = parameter["parameter_name"]
        if parameter.get("parameter_has_default") and name not in VALUES:
            continue
        if name in ("image", "outfit"):
            values[name] = handle_file(photos["astronaut"])
        elif name in ("images", "photos"):
            values[name] = [handle_file(photos[key]) for key in photos]
        elif name == "image_id":
            values[name] = 0
        else:
            values[name] = VALUES[name]
    return values


@each_space
def test_every_endpoint_works(space, zero_gpu, photos, tmp_path):
    start, runs = zero_gpu
    server = start(space / "app.py")
    client = Client(server.url, verbose=False, download_files=str(tmp_path))
    for path, endpoint in client.view_api(return_format="dict")["named_endpoints"].items():
        name, before = path.removeprefix("/"), runs().total()
        values = arguments(endpoint["parameters"], photos)
        if name in FROM_HUB:
            with pytest.raises(AppError, match=r"not on this machine|of memory"):
                client.predict(**values, api_name=path)
            continue
        answer = client.predict(**values, api_name=path)
        assert answer or answer == [], name
        if name in ON_CPU:
            assert runs().total() == before, name
    assert all(0 < duration <= MAX_DURATION for duration in runs())
    assert bool(runs()) is (space.name not in CPU_SPACES)
    assert "Traceback" not in server.log.read_text()


def test_errors_keep_their_sentence(zero_gpu, photos):
    """An error that is raised on the GPU would arrive as the name of its class."""
    start, runs = zero_gpu
    server = start(ROOT / "spaces" / "recognition" / "app.py")
    client = Client(server.url, verbose=False)
    with pytest.raises(AppError, match="xyzzy"):
        client.predict(image=handle_file(photos["cat"]), label="xyzzy", api_name="/explain")
    assert runs().total() == 1


def test_progress_and_generators_cross_the_processes(zero_gpu):
    start, runs = zero_gpu
    client = Client(start(ROOT / "tests" / "zero_gpu" / "steps_app.py").url, verbose=False)
    job = client.submit(3, api_name="/walk")
    seen = set()
    while not job.done():
        seen |= {(unit.desc, unit.index, unit.length) for unit in job.status().progress_data or []}
        time.sleep(0.05)
    assert {("Walking", step, 3) for step in (1, 2, 3)} <= seen
    assert job.result() == 10  # one call in the process, and none in the server's
    job = client.submit(4, api_name="/stream")
    job.result()
    assert job.outputs() == [0, 1, 2, 3]
    assert set(runs()) == {3, 5}


def test_the_suite_has_the_protections_of_its_own_server(zero_gpu, photos, tmp_path):
    start, runs = zero_gpu
    server = start(ROOT / "app.py")
    with server.http() as http:
        assert http.get("/livez").json() == {"ok": True}
        assert http.get("/healthz").json()["ok"] is True
        assert "image_spaces" in http.get("/metrics").text
        assert http.get("/cards/edges.jpg").headers["content-type"] == "image/jpeg"
        assert (
            "<title>Edges - Image Spaces</title>" in http.get("/edges", headers={"Accept": "text/html"}).text
        )
        assert http.get("/nothing", headers={"Accept": "text/html"}).status_code == 404
        assert http.post("/gradio_api/call/nothing", json={"data": []}).status_code == 404
        assert http.post("/gradio_api/call/v2/detect_edges", json={"image": 3}).status_code == 422
        secret = {"path": str(ROOT / "pyproject.toml"), "meta": {"_type": "gradio.FileData"}}
        event = http.post("/gradio_api/call/v2/detect_edges", json={"image": secret}).json()["event_id"]
        assert "event: error" in http.get(f"/gradio_api/call/detect_edges/{event}").text
        page = tmp_path / "page.html"
        page.write_text("<script>alert(1)</script>")
        (uploaded,) = http.post("/gradio_api/upload", files={"files": page.open("rb")}).json()
        answer = http.get(f"/gradio_api/file={uploaded}")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-disposition"].startswith("attachment")
    before = runs().total()
    client = Client(server.url, verbose=False, download_files=str(tmp_path))
    client.predict(image=handle_file(photos["cat"]), api_name="/detect_edges")
    assert runs().total() == before + 1
    assert server.stop() == 0


def test_the_suite_takes_a_password(zero_gpu):
    start, _ = zero_gpu
    server = start(ROOT / "app.py", IMAGE_SPACES_AUTH="anna:secret")
    with server.http() as http:
        assert http.get("/config").status_code == 401
        assert http.get("/gradio_api/mcp/schema").status_code == 401
        assert http.get("/gradio_api/mcp/schema", auth=("anna", "secret")).status_code == 200


@each_space
def test_the_package_is_imported_first(space):
    """It patches torch, so it must come before; Gradio imports it as well, if it finds it."""
    tree = ast.parse((space / "app.py").read_text(encoding="utf-8"))
    names = [
        alias.name if isinstance(node, ast.Import) else str(node.module)
        for statement in tree.body
        for node in ast.walk(statement)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    ]
    assert next(name for name in names if name not in ("contextlib", "functools")) == "spaces"


def test_no_function_for_the_gpu_is_a_coroutine():
    for path in [*(ROOT / "shared").rglob("*.py"), *(ROOT / "spaces").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.AsyncFunctionDef):
                decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
                assert not [text for text in decorators if re.match(r"(devices\.)?gpu\b", text)], path
