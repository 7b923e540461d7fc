"""Downloads in calls of a page: the page hears the megabytes, and a visitor who leaves ends them."""

import time

import numpy as np
import pytest
from gradio_client import Client

from shared.core import hub
from shared.core.downloads.large_files import LARGE_FILE
from tests.core.hub_server import running
from tests.core.tiny_pipelines import use_hub

NAME, FILE = "someone/large", "model.safetensors"
CONTENT = np.random.default_rng(0).bytes(3 * LARGE_FILE)
MEGABYTES = len(CONTENT) // 10**6


@pytest.fixture
def slow_hub(work_server, tmp_path, monkeypatch):
    """Local Hub from which the calls of the server download a file, in about a second."""

    def work(name, seconds):
        work_server.begun.append(name)
        try:
            hub.download(NAME)
        except Exception:
            work_server.stopped[name] = time.monotonic()
            raise
        return name

    work_server.work = work
    with running() as server:
        use_hub(monkeypatch, server.endpoint, tmp_path / "cache")
        server.add(NAME, {FILE: CONTENT}).pause = 0.04
        yield server


def test_the_page_hears_the_megabytes(work_server, slow_hub):
    client = Client(work_server.url.removesuffix("/gradio_api"), verbose=False)
    job = client.submit("download", 0, api_name="/work")
    units = []
    while not job.done():
        for unit in job.status().progress_data or []:
            units.append((unit.index, unit.length, unit.unit, unit.desc))
        time.sleep(0.02)
    assert job.result() == "download"
    seen = [unit[0] for unit in units]
    assert seen == sorted(seen)
    assert len(set(seen)) > 3
    assert {unit[1:] for unit in units} == {(MEGABYTES, "MB", f"Downloading {NAME}")}


def test_a_visitor_who_leaves_ends_a_download_that_goes_on_later(work_server, slow_hub, tmp_path):
    call = work_server.post("left")
    with work_server.stream(call):
        work_server.wait_for(lambda: any(tmp_path.rglob("*.incomplete")))
        time.sleep(0.3)
        left_at = time.monotonic()
    work_server.wait_for(lambda: "left" in work_server.stopped)
    assert work_server.stopped["left"] - left_at < 2
    (part,) = tmp_path.rglob("*.incomplete")
    size = part.stat().st_size
    assert 0 < size < len(CONTENT)
    assert hub.cached(NAME) is None
    assert (hub.download(NAME) / FILE).read_bytes() == CONTENT
    assert slow_hub.resumed == [(FILE, size)]
