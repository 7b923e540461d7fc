"""Health of the server: one check at a time, its answer kept for seconds, failures and a full disk told."""

import asyncio
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

from shared.ui.monitoring import health
from shared.ui.monitoring.health import HealthMonitor


def run(work):
    """Run a coroutine on a thread of its own: Playwright's loop may run on this one."""
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(asyncio.run, work).result()


def test_many_requests_share_one_check(tmp_path):
    calls = []

    def slow():
        calls.append(threading.get_ident())
        time.sleep(0.1)

    async def ask(count):
        return await asyncio.gather(*(monitor.report() for _ in range(count)))

    monitor = HealthMonitor({"edges": slow}, tmp_path)
    reports = run(ask(150))
    assert len(calls) == 1
    assert all(report["ok"] and report["spaces"]["edges"]["seconds"] >= 0.1 for report in reports)
    assert run(ask(1))[0]["ok"]
    assert len(calls) == 1


def test_old_answer_stands_while_a_new_check_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(health, "MAX_AGE", 0.0)
    release = threading.Event()
    results = iter([True, False])

    def check():
        if not next(results):
            release.wait(5)
            raise RuntimeError("no weights")

    async def ask():
        monitor = HealthMonitor({"edges": check}, tmp_path)
        first, second = await monitor.report(), await monitor.report()
        release.set()
        await asyncio.sleep(0.2)
        return first, second, monitor._report

    first, second, last = run(ask())
    assert first["ok"]
    assert second["ok"]
    assert not last["ok"]


def test_full_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    report = run(HealthMonitor({}, tmp_path / "not" / "there").report())
    assert report["ok"] is False
    assert report["disk"] == {"ok": False, "free_mb": 0}
