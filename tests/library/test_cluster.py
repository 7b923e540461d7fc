"""Description on a Ray cluster of three nodes on this machine, one of which is killed half-way."""

import os
import shutil
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest

# Before Ray is imported: it would ask for a token, and have its workers wait for all other programs.
os.environ |= {"RAY_AUTH_MODE": "disabled", "RAY_worker_niceness": "0", "RAY_TQDM_PATCH_PRINT": "0"}
ray = pytest.importorskip("ray")

from ray.cluster_utils import Cluster  # noqa: E402

from shared.library.cluster import describer as cluster_describer  # noqa: E402
from shared.library.cluster.__main__ import main  # noqa: E402
from shared.library.cluster.describer import ClusterDescriber, Workers  # noqa: E402
from shared.library.describe import PhotoDescriber  # noqa: E402
from shared.library.store import Store  # noqa: E402
from tests.library.conftest import write_photo  # noqa: E402
from tests.library.fakes import ColorExtractor, replace_models  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
LOG = "IMAGE_SPACES_TEST_LOG"
PHOTOS, BLOCK = 64, 4
#: A node counts as dead after three seconds, not after half a minute.
HEALTH_CHECKS = {
    "health_check_period_ms": 1000,
    "health_check_timeout_ms": 1000,
    "health_check_failure_threshold": 2,
}


class LoggedExtractor(ColorExtractor):
    """Extractor that takes its time, and notes each image with the node that it ran on."""

    def batch(self, images):
        with open(os.environ[LOG], "a") as stream:
            stream.writelines(f"{ray.get_runtime_context().get_node_id()}\n" for _ in images)
        return super().batch(images)


def use_fakes():
    """Replace the models of a worker process of Ray."""
    replace_models(LoggedExtractor(delay=0.15))


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """Cluster of a node without cores, for this process, and two of one core each."""
    log = tmp_path / "described.log"
    log.touch()
    monkeypatch.setattr(cluster_describer, "BLOCK_PHOTOS", BLOCK)
    monkeypatch.setattr(cluster_describer, "WRITE_PHOTOS", 2 * BLOCK)
    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 0, "include_dashboard": False, "_system_config": HEALTH_CHECKS},
    )
    try:
        for _ in range(2):
            cluster.add_node(num_cpus=1)
        environment = {"env_vars": {LOG: str(log), "PYTHONPATH": str(ROOT)}}
        ray.init(
            cluster.address,
            runtime_env={**environment, "worker_process_setup_hook": use_fakes},
            log_to_driver=False,
        )
        ray.data.DataContext.get_current().enable_progress_bars = False
        cluster.log = log
        yield cluster
    finally:
        ray.shutdown()
        cluster.shutdown()


@pytest.mark.timeout(900)  # some 50 s; on a busy machine the processes of three nodes take minutes to start
def test_a_node_dies_and_nothing_is_lost_or_stored_twice(library, tmp_path, cluster, extractor):
    folder = tmp_path / "many"
    for number in range(PHOTOS):
        write_photo(folder / f"{number:03}.png", (number % 40 * 6, 90, 90), number, side=16)
    shutil.copy(folder / "000.png", folder / "copy.png")
    (folder / "broken.jpg").write_bytes(b"no photo")
    doomed = next(iter(cluster.worker_nodes))

    def kill(done, total, seconds_left):
        if done >= PHOTOS // 3 and doomed in cluster.worker_nodes:
            cluster.remove_node(doomed, allow_graceful=False)

    create = partial(ClusterDescriber, workers=Workers(2))
    report = library.add(folder, kill, describer=create)
    assert doomed not in cluster.worker_nodes
    assert (report.added, len(report.skipped)) == (PHOTOS + 1, 1)
    paths = sorted(library.paths())
    assert paths == sorted(str(path) for path in folder.glob("*.png"))
    nodes = cluster.log.read_text().split()
    assert len(set(nodes)) == 2
    assert PHOTOS <= len(nodes) <= PHOTOS + 3 * BLOCK  # blocks in hand of the killed node are described again
    assert extractor.described == 0
    assert library.search(image=folder / "000.png", top_k=1)[0].score == pytest.approx(1, abs=1e-3)

    again = library.add(folder, describer=create)
    assert (again.added, again.unchanged) == (0, PHOTOS + 1)
    assert len(cluster.log.read_text().split()) == len(nodes)


def test_a_cluster_that_is_not_there_is_one_sentence(tmp_path, photos, capsys):
    command = ["describe", str(photos), "--library", str(tmp_path / "library"), "--address", "127.0.0.1:1"]
    assert main(command) == 2
    assert "There is no Ray cluster at 127.0.0.1:1" in capsys.readouterr().err


def test_a_plan_is_computed_from_measured_rates(capsys):
    assert (
        main(["plan", "--photos", "1e6", "--nodes", "10", "--photos-per-second", "5", "--kilobytes", "20"])
        == 0
    )
    assert "1,000,000 photos on 10 nodes: 5.6 hours, 56 node-hours\n" in capsys.readouterr().out


class LocalDataset:
    """Data set whose batches are described in this process."""

    def __init__(self, paths, size):
        self._blocks = [paths[start : start + size] for start in range(0, len(paths), size)]

    def map_batches(self, function, fn_constructor_args=(), **settings):
        self._function = function(*fn_constructor_args)
        return self

    def iter_batches(self, **settings):
        return (self._function(pa.table({"path": block})) for block in self._blocks)


def test_batches_are_written_together(library, photos, extractor, monkeypatch):
    sizes, upsert = [], Store.upsert

    def note(store, name, rows, key="path"):
        sizes.append(rows.num_rows if name == "photos" else 0)
        upsert(store, name, rows, key)

    monkeypatch.setattr(Store, "upsert", note)
    monkeypatch.setattr(cluster_describer, "BLOCK_PHOTOS", 2)
    monkeypatch.setattr(cluster_describer, "WRITE_PHOTOS", 6)
    monkeypatch.setattr(cluster_describer, "_dataset", LocalDataset)
    monkeypatch.setattr(ClusterDescriber, "digests", PhotoDescriber.digests)
    assert library.add(photos, describer=partial(ClusterDescriber, workers=Workers())).added == 10
    assert [size for size in sizes if size] == [6, 4]
    assert library.stats().photos == 10
