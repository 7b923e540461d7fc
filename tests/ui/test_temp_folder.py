"""The folder of uploads and results: what is swept, what stays, limits, leftovers of killed processes."""

import os
import subprocess
import sys
import time

import pytest

from shared.ui.gradio_workarounds import new_cache_path, save_data_url
from shared.ui.monitoring.temp_folder import MAX_IDLE_SECONDS, UNFINISHED_SECONDS, TempFolder

NAME = "ab" * 32


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    return tmp_path


def write(folder, name, size=10, last_use=None):
    """Write a file of a number of bytes; Gradio moves finished uploads to folders named by hashes."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    if last_use is not None:
        os.utime(path, (last_use, last_use))
    return path


def later(seconds):
    """Clock that is ahead."""
    return lambda: time.time() + seconds


def test_everything_is_swept(folder):
    write(folder, f"{NAME}/photo.jpg")
    write(folder, f"{'c' * 40}/deeper/photo.jpg")
    write(folder, f"{NAME}/.gallery.4f3a.part")
    write(folder, "tmpab12cd_x")  # a cut-off upload
    save_data_url("data:image/png;base64,eA==")
    new_cache_path("never written")
    tracked = {str(folder / NAME / "photo.jpg"), "others"}
    TempFolder(folder, [tracked], now=later(MAX_IDLE_SECONDS - 1)).sweep()
    assert len(list(folder.iterdir())) == 3  # without the cut-off upload and the empty folder
    TempFolder(folder, [tracked], now=later(MAX_IDLE_SECONDS + 1)).sweep()
    assert list(folder.iterdir()) == []
    assert tracked == {"others"}


def test_fresh_files_and_folders_stay(folder):
    paths = [write(folder, f"{NAME}/photo.jpg"), write(folder, "tmpab12cd_x"), new_cache_path("a").parent]
    TempFolder(folder).sweep()
    TempFolder(folder, now=later(UNFINISHED_SECONDS - 5)).sweep()
    assert all(path.exists() for path in paths)


def test_files_of_others_are_left_alone(folder):
    paths = [write(folder, name) for name in ("notes.txt", ".profile", "photos/a.jpg", "tmpfoo", "abc/a.jpg")]
    (folder / NAME).symlink_to(folder / "photos")
    TempFolder(folder, max_bytes=0, now=later(10 * MAX_IDLE_SECONDS)).sweep()
    assert all(path.exists() for path in paths)


def test_the_files_used_longest_ago_go_first(folder):
    now = time.time()
    paths = [write(folder, f"{index:064x}/a", 100) for index in range(5)]
    # The time of a change cannot be set, so the clock of the sweep is ahead and two files are read again.
    for path in paths[:2]:
        os.utime(path, (now + 1000, now))
    TempFolder(folder, max_bytes=250, now=later(900)).sweep()
    assert [path.exists() for path in paths] == [True, True, False, False, False]


def test_files_in_use_stay_even_if_the_folder_is_full(folder):
    path = write(folder, f"{NAME}/a", 100)
    TempFolder(folder, max_bytes=50).sweep()
    assert path.exists()
    TempFolder(folder, max_bytes=50, now=later(61)).sweep()
    assert not path.exists()


def test_a_full_disk_heals(folder):
    path = write(folder, f"{NAME}/a", 100)
    TempFolder(folder, min_free_bytes=2**62, now=later(61)).sweep()
    assert not path.exists()


def test_a_missing_folder_is_no_failure(tmp_path):
    TempFolder(tmp_path / "missing").sweep()


@pytest.mark.skipif(os.name != "posix", reason="other systems have no such locks")
def test_leftovers_of_a_killed_process_are_swept_at_the_start(folder):
    program = (
        "import sys, time; from pathlib import Path\n"
        "from shared.ui.monitoring.temp_folder import TempFolder\n"
        "TempFolder(Path(sys.argv[1])).start(); print('started', flush=True); time.sleep(int(sys.argv[2]))"
    )
    command = [sys.executable, "-c", program, str(folder)]
    with subprocess.Popen([*command, "60"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "started\n"
        path = write(folder, f"{NAME}/.gallery.4f3a.part")
        subprocess.run([*command, "0"], check=True)
        assert path.exists()  # the first process is alive
        process.kill()
    subprocess.run([*command, "0"], check=True)
    assert not path.parent.exists()


def test_too_many_files_are_deleted_from_the_oldest(folder):
    now = time.time()
    paths = [write(folder, f"{number:032x}/photo.jpg", last_use=now - 2000 + number) for number in range(8)]
    clock = later(100)  # their times of reading and change are those of now
    TempFolder(folder, max_files=3, now=clock).sweep()
    assert sum(path.exists() for path in paths) == 3
    TempFolder(folder, max_files=0).sweep()  # none that is busy
    assert sum(path.exists() for path in paths) == 3
