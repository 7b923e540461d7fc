"""Timing: the median of the calls, without those that pay for set-up."""

from shared.evaluation import timing


def test_the_median_counts_and_the_first_calls_do_not(monkeypatch):
    clock = iter([0, 50, 100, 190, 200, 201, 300, 302, 400, 403, 500, 590])
    seen = []
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(clock))
    result = timing.time_calls(seen.append, ["a", "b"])
    assert seen == ["a", "b", "a", "b"]
    assert result == {"images_per_second": 1 / 1.5, "ms_per_image": 1500.0}


def test_many_photos_are_warmed_up_by_three(monkeypatch):
    seen = []
    timing.time_calls(seen.append, list("abcde"))
    assert "".join(seen) == "abcabcde"
