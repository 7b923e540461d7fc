"""Timing: the median of the calls, without those that pay for set-up."""

from shared.evaluation import timing


def test_the_median_counts_and_the_first_calls_do_not(monkeypatch):
    clock = iter([0, 50, 100, 190, 200, 201, 300, 302, 400, 403, 500, 590])
    calls = []
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(clock))
    result = timing.time_calls(calls.append, ["a", "b"])
    assert calls == ["a", "b", "a", "b"]
    assert result == {"images_per_second": 1 / 1.5, "ms_per_image": 1500.0}


def test_three_calls_are_for_warm_up():
    calls = []
    timing.time_calls(calls.append, list("abcde"))
    assert "".join(calls) == "abcabcde"
