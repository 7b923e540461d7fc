"""Values of visitors: separation by key, expiry, limits."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from shared.ui.gallery.session_store import SessionStore


def test_keys_separate_visitors():
    store = SessionStore(list)
    keys = [store.new_key() for _ in range(3)]
    store.get_or_create(keys[0]).append("a")
    store.get_or_create(keys[1]).append("b")
    assert [store.get(key) for key in keys] == [["a"], ["b"], None]
    store.discard(keys[0])
    store.discard(keys[2])
    assert [store.get(key) for key in keys] == [None, ["b"], None]


def test_unused_values_expire_by_themselves():
    store = SessionStore(list, ttl_seconds=0.2)
    active, idle = store.new_key(), store.new_key()
    store.get_or_create(active), store.get_or_create(idle)
    for _ in range(8):
        time.sleep(0.05)
        assert store.get(active) is not None
    time.sleep(0.1)
    assert len(store) == 1
    assert store.get(idle) is None
    time.sleep(0.7)
    assert len(store) == 0


def test_the_number_of_values_is_limited():
    store = SessionStore(list, max_count=2)
    first, second, third = (store.new_key() for _ in range(3))
    store.get_or_create(first), store.get_or_create(second), store.get(first), store.get_or_create(third)
    assert [store.get(key) is not None for key in (first, second, third)] == [True, False, True]


def test_the_bytes_of_values_are_limited():
    store = SessionStore(list, max_bytes=10, size=len)
    first, second = store.new_key(), store.new_key()
    store.get_or_create(first).extend(range(6))
    store.get_or_create(second).extend(range(5))
    assert len(store) == 2
    store.trim(second)
    assert store.get(first) is None
    store.get_or_create(second).extend(range(50))
    store.trim(second)
    assert len(store.get(second)) == 55  # the value in use stays


def test_many_threads_get_the_same_value():
    store, barrier = SessionStore(list), threading.Barrier(8)
    key = store.new_key()

    def append(number):
        barrier.wait()
        store.get_or_create(key).append(number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(append, range(8)))
    assert sorted(store.get(key)) == list(range(8))


def test_values_can_be_replaced():
    store = SessionStore(list)
    key = store.new_key()
    store.get_or_create(key).append(1)
    store.set(key, [2])
    assert store.get(key) == [2]
