"""Vector indexes on many threads, and faiss in one process with torch."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import faiss
import numpy as np
import pytest

from shared.index.read_write_lock import ReadWriteLock
from shared.index.vector_index import INDEX_TYPES, VectorIndex
from tests.index.test_vector_index import DIMENSION, check_all, draw, make


@pytest.mark.parametrize("index_type", INDEX_TYPES)
def test_searches_while_vectors_are_added_and_removed(index_type):
    """Vectors that are never removed are always found, and every result is consistent."""
    index = make(index_type, 240)  # training comes while the threads run
    model = dict(enumerate(draw(240)))
    stable, min_score = draw(240)[:8], 0.9999 if index_type != "pq" else 0.8
    done, lock, searches = threading.Event(), threading.Lock(), []

    def read():
        while not done.is_set() or not searches:
            scores, ids = index.search(stable, k=300)
            valid = ids >= 0
            assert (np.diff(np.where(valid, scores, -2), axis=1) <= 0).all()
            for row, row_ids in enumerate(ids):
                present = row_ids[row_ids >= 0]
                assert len(np.unique(present)) == len(present) >= 200
                assert set(range(8)) <= set(present.tolist()) or len(present) == 300
                assert scores[row][row_ids == row] >= min_score
            assert index.metadata(0) == {}
            searches.append(1)

    def write(number):
        for step in range(6):
            vectors = draw(20, seed=100 * number + step)
            ids = index.add(vectors)
            index.replace(ids[0], vectors[1])
            index.remove(ids[5:])
            with lock:
                model.update(zip(ids[:5].tolist(), [vectors[1], *vectors[1:5]], strict=True))

    with ThreadPoolExecutor(5) as pool:
        readers = [pool.submit(read) for _ in range(3)]
        for writer in [pool.submit(write, number) for number in (1, 2)]:
            writer.result()
        done.set()
        for reader in readers:
            reader.result()
    check_all(index, model)


def test_searches_continue_while_an_index_is_trained_and_saved(monkeypatch, tmp_path):
    from shared.index import vector_index

    index = make("exact", 250)
    index.index_type = "ivf"
    training, resume = threading.Event(), threading.Event()
    build, write = vector_index.build_storage, vector_index.file.write

    def slow(function):
        def slowly(*arguments):
            training.set()
            assert resume.wait(30)
            return function(*arguments)

        return slowly

    monkeypatch.setattr(vector_index, "build_storage", slow(build))
    monkeypatch.setattr(vector_index.file, "write", slow(write))
    with ThreadPoolExecutor(1) as pool:
        for work, size in (
            (lambda: index.add(draw(10, seed=1)), 250),
            (lambda: index.save(tmp_path / "a"), 260),
        ):
            job = pool.submit(work)
            assert training.wait(30)
            assert (index.search(draw(1), k=400)[1] >= 0).sum() == len(index) == size
            resume.set()
            job.result(30)
            training.clear()
            resume.clear()
    assert index.trained
    assert len(VectorIndex.load(tmp_path / "a")) == 260


def test_no_reader_sees_half_a_change():
    lock, state, torn, reads = ReadWriteLock(), [0, 0], [], [0]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # threads change places wherever they can

    def read():
        while state[0] < 300:
            with lock.read():
                first = state[0]
                sum(range(200))
                second = state[1]
                reads[0] += 1
            if first != second:
                torn.append((first, second))

    def write():
        for _ in range(100):
            with lock.exclusive_writer(), lock.write():
                state[0] += 1
                sum(range(200))
                state[1] += 1

    try:
        with ThreadPoolExecutor(7) as pool:
            jobs = [pool.submit(read) for _ in range(4)] + [pool.submit(write) for _ in range(3)]
            for job in jobs:
                job.result(60)
    finally:
        sys.setswitchinterval(interval)
    assert state == [300, 300]
    assert not torn
    assert reads[0] > 4


def test_a_writer_is_not_starved():
    lock, inside, order = ReadWriteLock(), threading.Event(), []

    def read():
        with lock.read():
            inside.set()
            while "writer waits" not in order:
                pass
            order.append("reader")

    def write():
        with lock.exclusive_writer(), lock.write():
            order.append("writer")

    def late():
        with lock.read():
            order.append("late reader")

    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(read)
        assert inside.wait(10)
        second = pool.submit(write)
        while not lock._closed:
            pass
        third = pool.submit(late)
        order.append("writer waits")
        for job in (first, second, third):
            job.result(10)
    assert order == ["writer waits", "reader", "writer", "late reader"]


def test_an_error_inside_releases_the_lock():
    lock = ReadWriteLock()
    for enter in (lock.read, lock.exclusive_writer, lock.write):
        with pytest.raises(ZeroDivisionError), enter():
            _ = 1 / 0
    with lock.exclusive_writer(), lock.write():
        pass
    with lock.read():
        pass


def test_the_number_of_threads_is_restored():
    threads = faiss.omp_get_max_threads()
    index = make("ivf", 300)
    try:
        faiss.omp_set_num_threads(3)
        index.search(draw(1), k=2)
        index.search(draw(40), k=2)
        assert faiss.omp_get_max_threads() == 3
    finally:
        faiss.omp_set_num_threads(threads)


@pytest.mark.parametrize("order", ["import faiss, torch", "import torch, faiss"])
def test_faiss_and_torch_live_in_one_process(order):
    """Each has its own OpenMP; in either order both compute on several threads at the same time."""
    code = f"""
{order}
import threading
import numpy as np
from shared.index.vector_index import VectorIndex
torch.set_num_threads(2)
index = VectorIndex({DIMENSION}, "ivf", exact_below=256)
x = np.random.default_rng(0).normal(size=(500, {DIMENSION}))
index.add(x)
def multiply():
    for _ in range(5):
        torch.ones(300, 300) @ torch.ones(300, 300)
threads = [threading.Thread(target=multiply) for _ in range(2)]
for thread in threads: thread.start()
for _ in range(5): assert (index.search(x[:64], 1)[1][:, 0] == range(64)).all()
for thread in threads: thread.join()
assert torch.get_num_threads() == 2
print("fine")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240)
    assert done.stdout == "fine\n", done.stderr
