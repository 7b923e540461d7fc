"""Benchmark reports: options, table, JSON file, and the choice of a benchmark."""

import json

import pytest

from shared.evaluation.reports import (
    Benchmark,
    Report,
    benchmark_parser,
    by_engine,
    command_line,
    finish,
    run_benchmark,
)


def report(**changes) -> Report:
    values = {
        "benchmark": "boundaries",
        "data": "BSDS500",
        "split": "test",
        "items": 20,
        "weights": "edges-rds",
        "metrics": {"ODS": 0.78125, "ms_per_query": 12.345, "count": 7},
        "published": {"RDS": {"ODS": 0.7916, "AP": 0.8177}},
        "seconds": 8.0,
        "command": "python -m shared.edges.benchmark --data bsds500",
        "available": 200,
    }
    return Report(**values | changes)


def test_options_that_every_benchmark_has():
    options = benchmark_parser("Measure.", "shared.x.benchmark").parse_args(["--data", "d"])
    assert (str(options.data), options.weights, options.limit, options.json) == ("d", None, None, None)
    assert not hasattr(options, "workers")
    parser = benchmark_parser("Measure.", "shared.x.benchmark", weights="x", workers=2)
    options = parser.parse_args(["--data", "d", "--limit", "5", "--json", "r.json"])
    assert (options.weights, options.limit, str(options.json), options.workers) == ("x", 5, "r.json", 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [([], "--data"), (["--data", "d", "--limit", "0"], "at least 1, received '0'")],
)
def test_wrong_options_are_errors(arguments, message, capsys):
    with pytest.raises(SystemExit):
        benchmark_parser("Measure.", "shared.x.benchmark").parse_args(arguments)
    assert message in capsys.readouterr().err


def test_the_table_has_our_figures_first_and_mentions_a_part():
    title, head, ours, published = report().table().splitlines()
    assert title == "boundaries on BSDS500, test: the first 20 of 200 items, 8.0 s"
    assert head.split() == ["ODS", "ms_per_query", "count", "AP"]
    assert ours.split() == ["edges-rds", "0.7812", "12.35", "7"]
    assert published.split() == ["RDS", "(published)", "0.7916", "0.8177"]
    assert len({line.index(value) for line, value in ((ours, "0.7812"), (published, "0.7916"))}) == 1
    assert "test: 20 items" in report(available=None).table()
    assert "test: 20 items" in report(available=20).table()


def test_table_of_several_engines():
    lines = report(metrics={"rds": {"ODS": 0.8}, "canny": {"ODS": 0.6}}, published={}).table().splitlines()
    assert [line.split() for line in lines[2:]] == [["rds", "0.8000"], ["canny", "0.6000"]]


def test_json_has_all_fields_in_order(tmp_path):
    path = tmp_path / "new" / "report.json"
    report().write(path)
    written = json.loads(path.read_text())
    assert list(written) == [
        *("benchmark", "data", "split", "items", "weights", "metrics", "published"),
        *("seconds", "images_per_second", "available", "command"),
    ]
    assert written["images_per_second"] == 2.5
    assert written["metrics"]["ODS"] == 0.78125
    assert "available" not in report(available=None).as_dict()
    assert report(seconds=0.0).images_per_second == 0


def test_the_end_of_a_benchmark_prints_and_writes(tmp_path, capsys):
    finish(report())
    finish(report(), tmp_path / "report.json")
    assert capsys.readouterr().out == f"{report().table()}\n" * 2
    assert (tmp_path / "report.json").exists()


def test_command_names_no_folder_of_this_machine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = [
        "--data",
        "/somewhere/else/bsds500",
        f"--weights={tmp_path}/weights/edges-rds",
        "--limit",
        "5",
    ]
    command = command_line("shared.edges.benchmark", [*arguments, "--json=/a/b.json", "--engine", "rds"])
    assert command == (
        "python -m shared.edges.benchmark --data bsds500 --weights=weights/edges-rds --limit 5 --engine rds"
    )


def test_the_command_runs_the_named_benchmark_and_imports_no_other():
    arguments_of_call = []

    def main(arguments):
        arguments_of_call.append(arguments)
        return report()

    def fail():
        raise AssertionError("imported")

    benchmarks = {"boundaries": Benchmark(lambda: main, "ODS"), "speed": Benchmark(fail, "calls")}
    assert run_benchmark("shared.x.benchmark", benchmarks, ["boundaries", "--data", "d"]) == report()
    assert arguments_of_call == [["--data", "d"]]


@pytest.mark.parametrize("arguments", [[], ["nothing"], ["--help"]])
def test_an_unknown_benchmark_lists_all(arguments):
    benchmarks = {
        "boundaries": Benchmark(lambda: None, "ODS, OIS and AP"),
        "speed": Benchmark(lambda: None, "calls"),
    }
    with pytest.raises(
        SystemExit, match=r"python -m shared.x.benchmark boundaries +ODS, OIS and AP\n.*speed +calls"
    ):
        run_benchmark("shared.x.benchmark", benchmarks, arguments)


def test_figures_of_one_engine_get_its_name():
    assert by_engine({"ODS": 0.8}, "rds") == {"rds": {"ODS": 0.8}}
    assert by_engine({"hed": {"ODS": 0.8}}, "rds") == {"hed": {"ODS": 0.8}}
    assert by_engine({}, "rds") == {}
