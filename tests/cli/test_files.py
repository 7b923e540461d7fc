"""Inputs and outputs of the command line: pipes, patterns, folders, bad files, files that exist."""

import io
import os
import signal
import subprocess
import sys
import zipfile

import pytest
from PIL import Image

from shared.cli import batch, outputs
from shared.cli.batch import sentence
from shared.cli.inputs import list_pictures
from shared.cli.main import main

EDGES = ("edges", "--engine", "canny")


def labels(*arguments: str, recursive: bool = False) -> list[str]:
    return [picture.label for picture in list_pictures(arguments, recursive=recursive).pictures]


def test_a_picture_comes_from_standard_input_and_goes_to_standard_output(run, folder):
    data = (folder / "cat.jpg").read_bytes()
    result = run(*EDGES, "-", stdin=data)
    assert result.code == 0
    assert Image.open(io.BytesIO(result.data)).size == (451, 300)
    assert run(*EDGES, "cat.jpg", "-o", "-").data == result.data
    assert run(*EDGES, "-", "-o", "out/", stdin=data).lines == ["out/stdin.edges.png"]


def test_bad_bytes_on_standard_input_are_one_sentence(run):
    result = run(*EDGES, "-", stdin=b"hello")
    assert (result.code, result.data) == (1, b"")
    assert result.errors.startswith("image-spaces: (standard input): This file is not a picture")
    assert "empty" in run("classify", "-").errors


def test_patterns_are_expanded_and_pictures_listed_once(folder):
    assert labels("*.jpg") == ["cat.jpg", "coffee.jpg", "lion.jpg"]
    assert labels("lion.jpg", "c*.jpg", "./cat.jpg", "?ion.jpg") == ["lion.jpg", "cat.jpg", "coffee.jpg"]
    (folder / "a[1].jpg").write_bytes((folder / "cat.jpg").read_bytes())
    assert labels("a[1].jpg") == ["a[1].jpg"]


def test_folders_and_archives_are_read(folder):
    (folder / "trip" / "day").mkdir(parents=True)
    os.replace("cat.jpg", "trip/cat.jpg")
    os.replace("lion.jpg", "trip/day/lion.jpg")
    (folder / "trip" / "notes.txt").write_text("no picture")
    (folder / "trip" / ".hidden.jpg").write_text("no picture")
    assert labels("trip") == ["trip/cat.jpg"]
    assert labels("trip", recursive=True) == ["trip/cat.jpg", "trip/day/lion.jpg"]
    with zipfile.ZipFile("trip.zip", "w") as archive:
        archive.write("trip/day/lion.jpg")
    assert labels("trip.zip") == ["trip.zip/trip/day/lion.jpg"]


def test_results_of_a_folder_keep_its_folders(run, folder):
    (folder / "trip" / "day").mkdir(parents=True)
    os.replace("cat.jpg", "trip/cat.jpg")
    os.replace("lion.jpg", "trip/day/lion.jpg")
    assert run(*EDGES, "-r", "trip", "-o", "out").lines == ["out/cat.edges.png", "out/day/lion.edges.png"]


def test_bad_files_do_not_stop_the_others(run, folder):
    (folder / "bad.jpg").write_bytes((folder / "cat.jpg").read_bytes()[:300])
    (folder / "empty").mkdir()
    (folder / "bad.zip").write_bytes(b"PK")
    result = run(*EDGES, "bad.jpg", "nowhere.jpg", "no*.png", "empty", "bad.zip", "cat.jpg")
    assert (result.code, result.lines) == (1, ["cat.edges.png"])
    *errors, summary = result.errors.splitlines()
    assert len(errors) == 5
    for name in ("bad.jpg", "nowhere.jpg", "no*.png", "empty", "bad.zip"):
        assert sum(line.startswith(f"image-spaces: {name}: ") for line in errors) == 1
    assert "1 picture drawn, 5 skipped" in summary
    assert "Traceback" not in result.errors


def test_an_existing_file_is_replaced_only_by_force(run, folder):
    (folder / "cat.edges.png").write_text("mine")
    result = run(*EDGES, "cat.jpg")
    assert (result.code, result.errors) == (
        1,
        "image-spaces: cat.jpg: cat.edges.png exists already: --force replaces it.\n",
    )
    assert (folder / "cat.edges.png").read_text() == "mine"
    assert run(*EDGES, "cat.jpg", "--force").code == 0
    assert Image.open("cat.edges.png").size == (451, 300)


def test_two_pictures_of_one_name_do_not_replace_each_other(run, folder):
    Image.open("lion.jpg").save("cat.png")
    result = run(*EDGES, "cat.jpg", "cat.png", "--force")
    assert (result.code, result.lines) == (1, ["cat.edges.png"])
    assert "name of another one" in result.errors


def test_a_failed_write_leaves_nothing_behind(run, folder, monkeypatch):
    def fail(*paths: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(outputs.os, "replace", fail)
    result = run(*EDGES, "cat.jpg")
    assert (result.code, list(folder.glob("*.part")), list(folder.glob(".*"))) == (1, [], [])
    assert "No space left on device" in result.errors


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("edge", "cat.jpg"), "do you mean edges"),
        (("cat.jpg",), "image-spaces edges cat.jpg"),
        (("frobnicate",), "lists all of them"),
        (("--quiet",), "comes after a command"),
        (("edges",), "PICTURE"),
        (("edges", "cat.jpg", "--detial", "high"), "--detial"),
        (("edges", "cat.jpg", "--engine", "best"), "rds, hed, fcfn, canny, received 'best'"),
        (("paint", "cat.jpg", "--style", "nite"), "do you mean night?"),
        (("draw", "cat.jpg", "--engine", "best"), "drawing"),
        (("draw", "cat.jpg", "--detail", "7"), "from 0 to 2, received '7'"),
        (("cutout", "cat.jpg", "--background", "nocolor"), "expected a color"),
        (("cutout", "cat.jpg", "--scene", "nowhere.jpg"), "no such file"),
        (("cutout", "cat.jpg", "-o", "cat.jpeg"), "JPEG has no transparency"),
        (("edges", "cat.jpg", "-o", "cat.gif"), "png, svg, jpg, webp"),
        (("edges", "cat.jpg", "-o", "cat.svg", "-f", "png"), "two kinds of file"),
        (("edges", "cat.jpg", "lion.jpg", "-o", "one.png"), "-o FOLDER/"),
        (("edges", "cat.jpg", "lion.jpg", "-o", "-"), "-o FOLDER/"),
        (("edges", "cat.jpg", "--json", "-o", "-"), "leave --json"),
        (("segment", "cat.jpg", "--show", "classes", "-o", "out.webp"), "PNG"),
        (("similar",), "PICTURE"),
    ],
)
def test_wrong_use_is_one_sentence_and_writes_nothing(arguments, text, run, folder):
    before = sorted(folder.iterdir())
    result = run(*arguments)
    assert (result.code, result.data, result.errors.count("\n")) == (2, b"", 1)
    assert text in result.errors
    assert sorted(folder.iterdir()) == before


def test_paths_end_with_zero_bytes_for_xargs(run):
    assert run(*EDGES, "cat.jpg", "lion.jpg", "-0").data == b"cat.edges.png\0lion.edges.png\0"


def test_an_unexpected_error_shows_its_trace_only_on_demand(run, monkeypatch):
    def fail(*arguments: object) -> None:
        raise KeyError("inside")

    monkeypatch.setattr(batch, "encode", fail)
    result = run(*EDGES, "cat.jpg")
    assert (result.code, result.errors.count("\n")) == (1, 1)
    assert "KeyError: 'inside'" in result.errors
    assert "Traceback" in run(*EDGES, "cat.jpg", "--debug").errors


def test_an_interrupted_command_says_so(run, folder, monkeypatch):
    def interrupt(*paths: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(outputs.os, "replace", interrupt)
    result = run(*EDGES, "cat.jpg")
    assert (result.code, result.errors) == (130, "image-spaces: Interrupted.\n")
    assert list(folder.glob(".*")) == []


COMMAND = [sys.executable, "-m", "shared.cli"]
PIPED = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}


def test_a_reader_that_has_seen_enough_ends_the_command_silently(folder):
    read_end, write_end = os.pipe()
    os.close(read_end)
    process = subprocess.run([*COMMAND, "--help"], stdout=write_end, stderr=subprocess.PIPE, timeout=60)
    os.close(write_end)
    assert (process.returncode, process.stderr) == (0, b"")


def test_ctrl_c_ends_a_process_in_one_line(folder):
    process = subprocess.Popen([*COMMAND, "similar", "-"], stdin=subprocess.PIPE, **PIPED)
    process.stdin.write(bytes(500_000))  # more than a pipe holds: now it waits for the end of the picture
    process.stdin.flush()
    process.send_signal(signal.SIGINT)
    process.stdin.close()
    assert (process.wait(timeout=60), process.stderr.read()) == (130, b"image-spaces: Interrupted.\n")


def test_a_file_whose_name_begins_with_a_hyphen_comes_after_two_hyphens(run, folder):
    (folder / "cat.jpg").rename(folder / "-cat.jpg")
    assert run(*EDGES, "lion.jpg", "--", "-cat.jpg").lines == ["lion.edges.png", "-cat.edges.png"]


@pytest.mark.parametrize(
    ("stream", "code", "text"),
    [("stdin", 1, "This file is empty"), ("stderr", 1, ""), ("stdout", 1, "Standard output is closed")],
)
def test_a_closed_stream_is_no_unexpected_error(stream, code, text, folder, monkeypatch, capsys):
    monkeypatch.setattr(sys, stream, None)
    assert main([*EDGES, "-"] if stream == "stdin" else [*EDGES, "nowhere.jpg"]) == code
    errors = capsys.readouterr().err
    assert text in errors
    assert "unexpectedly" not in errors


def test_an_error_of_the_system_is_told_in_its_words():
    assert sentence(OSError(28, "No space left on device")) == "No space left on device."
    assert sentence(OSError(13, "Permission denied", "a.jpg")) == "a.jpg: Permission denied."
