"""Several processes: a reader and a second writer beside a run, which is stopped and then goes on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shared.library import ingest
from shared.library.errors import LibraryError
from shared.library.library import Library
from tests.library.conftest import write_photo

ROOT = Path(__file__).resolve().parents[2]

ADD = """
import sys
from shared.library import ingest
from shared.library.library import Library
from tests.library.fakes import ColorExtractor, replace_models

ingest.WRITE_BATCH = 4
replace_models(ColorExtractor(delay=0.2))
with Library.open(sys.argv[1]) as library:
    library.add(sys.argv[2], lambda done, total, left: print(done, flush=True))
"""

INDEX = """
import sys, time
from shared.cli.main import main
from shared.library import ingest
from tests.library.fakes import ColorExtractor, replace_models

class Extractor(ColorExtractor):
    def batch(self, images):
        if self.described == 10:
            time.sleep(60)
        return super().batch(images)

ingest.WRITE_BATCH = 4
replace_models(Extractor() if sys.argv[1] == "slow" else ColorExtractor())
sys.exit(main(["index", *sys.argv[2:]]))
"""


@pytest.fixture
def many(tmp_path):
    """Folder with more photos than a run describes before it is killed."""
    for number in range(120):
        write_photo(tmp_path / "many" / f"{number:03}.png", (number % 40 * 6, 90, 90), number, side=16)
    return tmp_path / "many"


def start(library, folder):
    command = [sys.executable, "-c", ADD, str(library), str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def wait_for(process, text):
    for line in process.stdout:
        if line.startswith(text):
            return line
    raise AssertionError(f"the process ended before {text!r}")


def test_readers_and_writers_beside_a_run_that_is_killed(tmp_path, many, extractor, monkeypatch):
    process = start(tmp_path / "library", many)
    wait_for(process, "10")
    with Library.open(tmp_path / "library", create=False) as library:
        assert library.stats().photos >= 4
        assert len(library.search(text="red", top_k=3)) == 3
        with pytest.raises(LibraryError, match="Another program is changing the library"):
            library.add(many)
        with pytest.raises(LibraryError, match="Another program"):
            library.remove(many)
        done = int(wait_for(process, ""))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        stored = len(list(library.paths()))
        assert done - 4 <= stored < 120
        monkeypatch.setattr(ingest, "WRITE_BATCH", 64)
        monkeypatch.setattr(ingest, "LOOKUP_BATCH", 64)
        report = library.add(many)
        assert (report.added, report.unchanged) == (120 - stored, stored)
        assert extractor.described == 120 - stored
        paths = list(library.paths())
        assert len(paths) == len(set(paths)) == 120


def test_ctrl_c_ends_a_run_at_once_and_the_next_one_goes_on(tmp_path, many, extractor):
    place = str(tmp_path / "library")
    arguments = [str(many), "--library", place]
    with Library.open(place) as library:
        command = [sys.executable, "-c", INDEX, "slow", *arguments]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT)
        while library.count() < 8:
            assert process.poll() is None
            time.sleep(0.1)
        time.sleep(0.5)  # it describes a photo that takes a minute
        begin = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
        assert time.monotonic() - begin < 3
        assert process.returncode == 130
        assert errors == (
            "image-spaces: Stopped: everything so far is kept, and the next run goes on from there.\n"
        )
        stored = library.count()
        assert 8 <= stored < 120
        command[3] = "quick"
        second = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
        assert second.stdout.startswith(f"{120 - stored} added, {stored} unchanged")
        paths = list(library.paths())
        assert len(paths) == len(set(paths)) == 120
