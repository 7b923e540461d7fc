"""Speed of the suite: each task runs and is measured, and the table has a row for each."""

import json
import sys

import pytest
from PIL import Image

import shared.speed.benchmark as speed
from shared.core.image_files import ImageFile
from shared.speed import measure
from shared.speed.tasks import TASKS, StreamTask, Task


@pytest.fixture
def files(tmp_path):
    for index, color in enumerate(("red", "green")):
        Image.new("RGB", (64, 48), color).save(tmp_path / f"{index}.jpg")
    return [ImageFile(path) for path in sorted(tmp_path.glob("*.jpg"))]


def test_call_is_measured(files):
    sizes = []
    task = Task("sizes", (64, 48), lambda: lambda image: sizes.append(image.size))
    figures = measure.measure_calls(task, files)
    assert set(sizes) == {(64, 48)}
    assert figures["per_second"] == pytest.approx(1000 / figures["ms"])
    assert figures["callers_4"] > 0


def test_stream_is_measured(files):
    seen = []
    task = StreamTask("names", (64, 48), lambda: lambda files: (seen.append(file.name) for file in files))
    figures = measure.measure_stream(task, files)
    assert seen.count("1") == 3
    assert figures["per_second"] > 0


@pytest.mark.parametrize("name", TASKS)
def test_task_gives_an_answer(name, files):
    task = TASKS[name]
    result = task.load()
    if isinstance(task, StreamTask):
        assert len(list(result(files))) == 2
    else:
        assert result(files[0].image()) is not None


@pytest.mark.parametrize("able", [True, False])
def test_table(tmp_path, files, monkeypatch, able):
    calls = []
    monkeypatch.setattr(speed, "has_bfloat16", lambda: able)

    def run_task(name, folder, runtime, cores):
        calls.append((name, runtime, len(cores)))
        assert Image.open(folder / "0001.jpg").size == TASKS[name].size
        rates = {
            "per_second": 90.0 if runtime == "openvino-bf16" else 60.0,
            "ms": 16.7,
            "first_seconds": 1.5,
            "peak_mb": 700.0,
        }
        return (
            rates if isinstance(TASKS[name], StreamTask) else rates | {"callers_4": 61.0, "callers_16": 62.0}
        )

    monkeypatch.setattr(speed, "run_task", run_task)
    out = tmp_path / "speed.md"
    arguments = ["--data", str(tmp_path), "--task", "edges", "image-gallery", "--out", str(out)]
    text = speed.main(arguments)
    assert [runtime for name, runtime, _ in calls if name == "edges"] == [
        "openvino",
        "openvino",
        *(["openvino-bf16"] if able else []),
        "torch",
        "openvino",
    ]
    rate = "90" if able else ""
    assert (
        f"| edges (RDS) | 481 x 321 | **60** | 40 | {rate} | 60 | 60 | 61 | 62 | 16.7 | 1.5 | 700 |" in text
    )
    assert out.read_text() == text


@pytest.mark.skipif(sys.platform != "linux", reason="cores are chosen by Linux's calls")
def test_process_reports_its_figures(files, monkeypatch, capfd):
    monkeypatch.setattr(sys, "argv", ["measure", "classification", str(files[0].path.parent)])
    monkeypatch.setattr(measure, "CALLS", 2)
    measure.main()
    figures = json.loads(capfd.readouterr().out)
    assert figures["first_seconds"] > 0
    assert figures["peak_mb"] > 100
