"""Long runs: the visitor's request to stop reaches whatever the run does."""

from types import SimpleNamespace

import gradio as gr
import pytest

from shared.core.calls import check_call
from shared.core.errors import StoppedError
from shared.ui import long_runs
from shared.ui.long_runs import observe_run, stop_file


def test_a_request_to_stop_ends_the_work_of_a_run(monkeypatch, tmp_path):
    monkeypatch.setattr(long_runs, "get_upload_folder", lambda: str(tmp_path))
    request = SimpleNamespace(session_hash="visitor")
    stop_file(request).set()  # of an earlier run
    with observe_run(request, gr.Progress(), "Painting") as observers:
        check_call()
        stop_file(request).set()
        assert observers["stop"].is_set()
        with pytest.raises(StoppedError):  # as a download, a tile or a step does
            check_call()
    check_call()
    assert not stop_file(request).is_set()
