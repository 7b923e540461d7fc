"""Downloads of large files: progress, an end on request, and going on from there."""

import hashlib
import threading
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest

from shared.core import hub
from shared.core.calls import controlled_call, stoppable_call
from shared.core.downloads import large_files
from shared.core.downloads.large_files import LARGE_FILE, PIECE, LargeFile
from shared.core.errors import StoppedError
from shared.ui.queueing.running_call import RunningCall
from tests.core.hub_server import running
from tests.core.tiny_pipelines import use_hub

NAME, FILE = "someone/large", "model.safetensors"
CONTENT = np.random.default_rng(0).bytes(LARGE_FILE + 3 * PIECE + 5)


class Control:
    """Control of a call that writes its progress down, and ends the call from a number of megabytes on."""

    def __init__(self, limit: float = float("inf")) -> None:
        self.limit, self.reports = limit, []

    def check(self, *, may_wait: bool) -> None:
        if self.reports and self.reports[-1][0] >= self.limit:
            raise StoppedError("Stopped: nobody waits for this.")

    def report(self, done: int, total: int, title: str, unit: str) -> None:
        self.reports.append((done, total, title, unit))


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Local Hub with one large file, and an empty cache."""
    with running() as server:
        use_hub(monkeypatch, server.endpoint, tmp_path)
        server.add(NAME, {FILE: CONTENT, "config.json": b"{}"})
        yield server


def parts(tmp_path):
    return list(tmp_path.rglob("*.incomplete"))


def file_requests(server):
    return [request for request in server.requests if request.startswith("GET") and FILE in request]


def test_the_progress_rises_to_the_size(server, tmp_path):
    control = Control()
    with controlled_call(control):
        folder = hub.download(NAME)
    assert (folder / FILE).read_bytes() == CONTENT
    megabytes = [report[0] for report in control.reports]
    assert megabytes == sorted(megabytes)
    assert (megabytes[0], megabytes[-1]) == (0, len(CONTENT) // 10**6)
    assert len(set(megabytes)) == len(CONTENT) // 10**6 + 1
    assert control.reports[0][1:] == (len(CONTENT) // 10**6, f"Downloading {NAME}", "MB")
    assert len(file_requests(server)) == 1
    assert hub.cached(NAME) == folder
    assert not parts(tmp_path)


def test_a_stopped_download_goes_on_where_it_was(server, tmp_path):
    with controlled_call(Control(limit=4)), pytest.raises(StoppedError):
        hub.download(NAME)
    assert hub.cached(NAME) is None
    (part,) = parts(tmp_path)
    size = part.stat().st_size
    assert 4_000_000 <= size <= 4_000_000 + 2 * PIECE  # it ended at once
    assert part.read_bytes() == CONTENT[:size]
    control = Control()
    with controlled_call(control):
        folder = hub.download(NAME)
    assert server.resumed == [(FILE, size)]
    assert control.reports[0][0] == size // 10**6
    assert (folder / FILE).read_bytes() == CONTENT
    assert len(file_requests(server)) == 2
    assert not parts(tmp_path)


def test_the_button_ends_a_download_within_a_call(server, tmp_path):
    stop, control = threading.Event(), Control()
    report = control.report

    def press(*progress):
        report(*progress)
        if progress[0] >= 2:
            stop.set()

    control.report = press
    with controlled_call(control), stoppable_call(stop.is_set), pytest.raises(StoppedError, match="Stopped"):
        hub.download(NAME)
    assert parts(tmp_path)[0].stat().st_size < 3_000_000


def test_a_connection_that_breaks_is_made_again(server, monkeypatch):
    monkeypatch.setattr(large_files, "PAUSE", 0.01)
    server.repositories["models", NAME].cut_short = FILE
    assert (hub.download(NAME) / FILE).read_bytes() == CONTENT
    ((path, start),) = server.resumed
    assert path == FILE
    assert len(CONTENT) // 2 - PIECE <= start <= len(CONTENT) // 2


def test_a_damaged_part_is_thrown_away(server, tmp_path):
    with controlled_call(Control(limit=4)), pytest.raises(StoppedError):
        hub.download(NAME)
    (part,) = parts(tmp_path)
    part.write_bytes(CONTENT + b"more")
    with pytest.raises(hub.HubError, match="arrived damaged"):
        hub.download(NAME)
    assert not parts(tmp_path)
    assert (hub.download(NAME) / FILE).read_bytes() == CONTENT


@pytest.mark.parametrize("content", [b"right", b"wrong"])
def test_a_file_must_have_the_checksum_that_names_it(tmp_path, content):
    name = hashlib.sha256(b"right").hexdigest()
    file = LargeFile("", 5, tmp_path / name, tmp_path / "lock")
    file.part.write_bytes(content)
    assert large_files._is_intact(file) == (content == b"right")


def test_a_file_that_another_process_downloads_is_waited_for(server, tmp_path, monkeypatch):
    monkeypatch.setattr(large_files, "PAUSE", 0.05)
    (file,) = large_files._list_missing(NAME, None, hub.PATTERNS)
    control = Control()
    with (
        large_files._locked(file.lock),
        ending_soon(control),
        controlled_call(control),
        pytest.raises(StoppedError),
    ):
        hub.download(NAME)
    assert not file_requests(server)


def ending_soon(control):
    """Have a control end its call a little later."""

    class Later:
        def __enter__(self):
            self.timer = threading.Timer(0.3, lambda: setattr(control, "limit", -1))
            self.timer.start()

        def __exit__(self, *_):
            self.timer.join()

    return Later()


def test_the_page_shows_the_megabytes(monkeypatch):
    shown = []
    monkeypatch.setattr(gr.Progress, "_progress_callback", lambda self: shown.append)
    RunningCall([SimpleNamespace(alive=True)], 1, None).report(12, 350, "Downloading it", "MB")
    (((unit,),),) = (shown,)
    assert (unit.index, unit.length, unit.desc, unit.unit) == (12, 350, "Downloading it", "MB")
