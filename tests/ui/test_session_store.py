"""Lockers: whose thing is whose, and what is thrown away when."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from shared.ui.gallery.session_store import SessionStore


def test_keys_part_visitors():
    lockers = SessionStore(list)
    keys = [lockers.new_key() for _ in range(3)]
    lockers.open(keys[0]).append("a")
    lockers.open(keys[1]).append("b")
    assert [lockers.find(key) for key in keys] == [["a"], ["b"], None]
    lockers.drop(keys[0])
    lockers.drop(keys[2])
    assert [lockers.find(key) for key in keys] == [None, ["b"], None]


def test_what_nobody_uses_is_thrown_away_by_itself():
    lockers = SessionStore(list, seconds=0.2)
    used, left = lockers.new_key(), lockers.new_key()
    lockers.open(used), lockers.open(left)
    for _ in range(8):
        time.sleep(0.05)
        assert lockers.find(used) is not None
    time.sleep(0.1)
    assert len(lockers) == 1
    assert lockers.find(left) is None
    time.sleep(0.7)
    assert len(lockers) == 0


def test_too_many_things():
    lockers = SessionStore(list, most=2)
    first, second, third = (lockers.new_key() for _ in range(3))
    lockers.open(first), lockers.open(second), lockers.find(first), lockers.open(third)
    assert [lockers.find(key) is not None for key in (first, second, third)] == [True, False, True]


def test_too_many_bytes():
    lockers = SessionStore(list, most_bytes=10, size=len)
    first, second = lockers.new_key(), lockers.new_key()
    lockers.open(first).extend(range(6))
    lockers.open(second).extend(range(5))
    assert len(lockers) == 2
    lockers.tidy(second)
    assert lockers.find(first) is None
    lockers.open(second).extend(range(50))
    lockers.tidy(second)
    assert len(lockers.find(second)) == 55  # one thing has limits of its own


def test_a_thing_is_made_once():
    lockers, gate = SessionStore(list), threading.Barrier(8)
    key = lockers.new_key()

    def use(number):
        gate.wait()
        lockers.open(key).append(number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(use, range(8)))
    assert sorted(lockers.find(key)) == list(range(8))


def test_something_else_can_be_put_there():
    lockers = SessionStore(list)
    key = lockers.new_key()
    lockers.open(key).append(1)
    lockers.put(key, [2])
    assert lockers.find(key) == [2]
