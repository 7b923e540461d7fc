"""Searches of the pages in replicas on Ray Serve, one of which dies."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

# Before Ray is imported: it would ask for a token, and have its workers wait for all other programs.
os.environ |= {"RAY_AUTH_MODE": "disabled", "RAY_worker_niceness": "0", "RAY_TQDM_PATCH_PRINT": "0"}
ray = pytest.importorskip("ray")

from ray import serve  # noqa: E402
from ray.exceptions import ActorDiedError  # noqa: E402
from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError  # noqa: E402

from shared.crossmodal.text.queries import QueryError  # noqa: E402
from shared.library import VARIABLE, errors  # noqa: E402
from shared.library.errors import LibraryError  # noqa: E402
from shared.library.results import LibraryHits  # noqa: E402
from shared.library.serve import __main__ as command  # noqa: E402
from shared.library.serve import replicas  # noqa: E402
from shared.library.serve.replicas import ATTEMPTS, BUSY, UNREACHABLE, ReplicatedSearch  # noqa: E402
from shared.library.tabs.shared_library import LibraryQuery, shared_library  # noqa: E402
from shared.library.tabs.visitor_filter import VisitorFilter  # noqa: E402
from tests.library.conftest import write_photo  # noqa: E402
from tests.library.fakes import FakeSearcher  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
HITS = LibraryHits((), 0, 0.0, 0.0)


@pytest.fixture
def cluster(monkeypatch):
    """Ray on this machine, whose replicas have models without networks."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv(VARIABLE, "")  # the command sets it
    monkeypatch.setattr(replicas, "Searcher", FakeSearcher)
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
        yield
    finally:
        ray.shutdown()
        signal.signal(signal.SIGTERM, handler)


def query(text="", image=None, **filters):
    return LibraryQuery(image, "", text, VisitorFilter(**filters), 3, 0.0)


def replica_names():
    actors = ray.util.list_named_actors(all_namespaces=True)
    return [(actor["name"], actor["namespace"]) for actor in actors if "Searcher" in actor["name"]]


def wait_until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.timeout(300)  # some 20 s; a busy machine takes its time to start Ray
def test_replicas_answer_while_one_of_them_dies(library, photos, cluster, monkeypatch):
    library.add(photos)
    shared, image = shared_library(library.uri), str(photos / "red" / "0.png")

    def serve_pages(path, run_name):
        assert shared.concurrency.limit == 4
        assert {Path(hit.path).parent.name for hit in shared.search(query("a blue wall"))} == {"blue"}
        assert shared.search(query(image=image))[0].path == image
        assert len(shared.search(query("red", folder="green"))) == 3
        with pytest.raises(QueryError) as error:
            shared.search(query())
        assert str(error.value) == "Type some words, or choose a picture, to search with."

        new = str(write_photo(photos / "new.png", (120, 10, 200), 5))
        library.add(new)
        with ThreadPoolExecutor(4) as pool:  # all replicas see the new photo
            hits = list(pool.map(shared.search, [query(image=new)] * 8))
        assert {hit[0].path for hit in hits} == {new}

        first, second = replica_names()
        with ThreadPoolExecutor(4) as pool:
            answers = [pool.submit(shared.search, query(image=image)) for _ in range(16)]
            answers[3].result()
            ray.kill(ray.get_actor(*first), no_restart=False)
            assert {answer.result()[0].path for answer in answers} == {image}
        wait_until(lambda: len({*replica_names()} - {first}) == 2)
        assert second in replica_names()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)

    monkeypatch.setattr(command.runpy, "run_path", serve_pages)
    arguments = ["--library", library.uri, "--cpus", "0.5", "--replicas"]
    assert command.main([*arguments, "5"]) == 2
    assert command.main([*arguments, "2"]) == 130
    wait_until(lambda: not serve.status().applications)


class Handle:
    """Handle of replicas that fail with one error after another, and then answer."""

    def __init__(self, *failures):
        self.failures, self.calls, self.search = list(failures), 0, SimpleNamespace(remote=self.remote)

    def remote(self, *arguments):
        self.calls += 1
        return self

    def result(self, timeout_s):
        if self.failures:
            raise self.failures.pop(0)
        return HITS


def test_a_query_is_asked_again_if_its_replica_dies():
    handle = Handle(*[ActorDiedError()] * (ATTEMPTS - 1))
    assert ReplicatedSearch(handle)(None, "red", 3, None) is HITS
    assert handle.calls == ATTEMPTS


@pytest.mark.parametrize(
    ("failures", "sentence"),
    [
        ([ActorDiedError()] * ATTEMPTS, UNREACHABLE),
        ([TimeoutError()], UNREACHABLE),
        ([DeploymentUnavailableError(SimpleNamespace(name="Searcher", app_name="library"))], UNREACHABLE),
        ([BackPressureError(num_queued_requests=4, max_queued_requests=4)], BUSY),
    ],
)
def test_replicas_that_do_not_answer_are_one_sentence(failures, sentence):
    with pytest.raises(LibraryError) as error:
        ReplicatedSearch(Handle(*failures))(None, "red", 3, None)
    assert str(error.value) == sentence


def test_what_cannot_be_served_is_one_sentence(tmp_path, capsys, monkeypatch):
    assert command.main(["--library", str(tmp_path / "missing")]) == 2
    assert "There is no library in" in capsys.readouterr().err
    monkeypatch.setattr(errors, "find_spec", lambda name: None if name == "ray" else object())
    assert command.main(["--library", str(tmp_path / "missing")]) == 2
    assert "needs further packages" in capsys.readouterr().err
    monkeypatch.delenv("IMAGE_SPACES_LIBRARY", raising=False)
    with pytest.raises(SystemExit, match="2"):
        command.main([])
