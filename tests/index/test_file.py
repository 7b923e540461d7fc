"""Files of vector indexes: saved indexes are restored, and everything else is refused."""

import json
import os
import signal
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from shared.index import file
from shared.index.product_quantizer import ProductQuantizer
from shared.index.reader import IndexFileError
from shared.index.vector_index import INDEX_TYPES, VectorIndex
from tests.index.test_vector_index import DIMENSION, check_all, draw, make


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Saved index of each type, all trained, with removed vectors and metadata."""
    folder, paths = tmp_path_factory.mktemp("saved"), {}
    for index_type in INDEX_TYPES:
        index = VectorIndex(DIMENSION, index_type, exact_below=256)
        index.add(draw(300), [{"number": number} for number in range(300)])
        index.remove([5, 6])
        paths[index_type] = folder / f"{index_type}.index"
        index.save(paths[index_type])
    return paths


def rewritten(path, target, change):
    """Write a file with a valid checksum whose values and arrays a function has changed."""
    reader = file.read(path)
    change(reader.values, reader.arrays)
    file.write(target, reader.values, {name: [array] for name, array in reader.arrays.items()})
    return target


def test_codes_of_another_length_are_restored(tmp_path, monkeypatch):
    monkeypatch.setattr(ProductQuantizer, "train", partial(ProductQuantizer.train, max_bytes=7))
    index = VectorIndex(DIMENSION, "pq", exact_below=256)
    index.add(draw(300))
    index.save(tmp_path / "index")
    monkeypatch.undo()
    again = VectorIndex.load(tmp_path / "index")
    assert again.bytes_per_vector == index.bytes_per_vector
    for a, b in zip(index.search(draw(20, seed=1), 10), again.search(draw(20, seed=1), 10), strict=True):
        assert (a == b).all()


@pytest.mark.parametrize("index_type", INDEX_TYPES)
def test_a_saved_index_is_restored(index_type, tmp_path):
    index = make(index_type, 300)
    index.remove(range(40, 60))
    index.replace(7, draw(1, seed=4)[0], {"name": "sieben"})
    index.save(tmp_path / "index")
    again = VectorIndex.load(tmp_path / "index")
    for name in ("index_type", "dimension", "recall", "exact_below", "trained", "bytes_per_vector"):
        assert getattr(again, name) == getattr(index, name)
    for a, b in zip(index.search(draw(20, seed=1), 10), again.search(draw(20, seed=1), 10), strict=True):
        assert (a == b).all()
    assert (again.ids == index.ids).all()
    assert [again.metadata(id) for id in (7, 8)] == [{"name": "sieben"}, {}]
    for copy in (index, again):  # both continue in the same way
        assert copy.add(draw(30, seed=2)).tolist() == list(range(300, 330))
        copy.remove([0, 7])
    model = dict(enumerate(draw(300)))
    model = {id: model[id] for id in model if id not in (0, 7) and not 40 <= id < 60}
    check_all(again, model | dict(zip(range(300, 330), draw(30, seed=2), strict=True)))


@pytest.mark.parametrize("index_type", INDEX_TYPES)
def test_an_index_without_vectors_can_be_saved(index_type, tmp_path):
    VectorIndex(3, index_type).save(tmp_path / "new")
    assert VectorIndex.load(tmp_path / "new").add(np.eye(3)).tolist() == [0, 1, 2]
    index = make(index_type, 300)
    index.remove(index.ids)
    index.save(tmp_path / "emptied")
    again = VectorIndex.load(tmp_path / "emptied")
    assert len(again) == 0
    assert again.add(draw(2)).tolist() == [300, 301]


def test_other_programs_can_read_it(saved):
    arrays = load_file(saved["exact"])
    assert arrays["vectors"].shape == (298, DIMENSION)
    assert arrays["item_ids"].tolist() == [*range(5), *range(7, 300)]


WORKER = """
import itertools, sys, time
sys.path.insert(0, {root!r})
import numpy as np
from shared.index import file as index_file
from shared.index.vector_index import VectorIndex
index = VectorIndex(64)
index.add(np.random.default_rng(0).normal(size=(20_000, 64)))
blocks = index_file._blocks
def slow(array):
    for number, block in enumerate(blocks(array)):
        if number == 1:
            print("here", flush=True)
            time.sleep(60)
        yield block
def hang(_):
    print("here", flush=True)
    time.sleep(60)
{change}
index.save(sys.argv[1])
"""


@pytest.mark.parametrize("change", ["index_file._blocks = slow", "index_file.os.fsync = hang"])
def test_a_killed_save_leaves_the_old_file(change, saved, tmp_path):
    path = tmp_path / "index"
    path.write_bytes(saved["ivf"].read_bytes())
    code = WORKER.format(root=os.getcwd(), change=change)
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"here\n"
        process.send_signal(signal.SIGKILL)
    drafts = [file for file in tmp_path.iterdir() if file != path]
    assert [file.suffix for file in drafts] == [".part"]  # it was killed while it wrote
    index = VectorIndex.load(path)
    assert len(index) == 298
    index.save(path)
    assert len(VectorIndex.load(path)) == 298


def test_a_failed_save_leaves_the_old_file(saved, tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    path = tmp_path / "index"
    path.write_bytes(saved["exact"].read_bytes())
    index = make("exact", 3)
    monkeypatch.setattr(file.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        index.save(path)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == saved["exact"].read_bytes()
    with pytest.raises(FileNotFoundError):
        index.save(tmp_path / "nowhere" / "index")
    assert index.add(draw(1)).tolist() == [3]  # no lock was left


@pytest.mark.parametrize("index_type", INDEX_TYPES)
def test_every_damaged_byte_is_detected(index_type, saved, tmp_path):
    data, path = saved[index_type].read_bytes(), tmp_path / "index"
    header = 8 + int.from_bytes(data[:8], "little")
    places = [*range(0, header, 11), *np.linspace(header, len(data) - 1, 40).astype(int)]
    for place in places:
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(IndexFileError, match=str(path)):
            VectorIndex.load(path)
    for size in (0, 4, 8, 100, header, header + 8, len(data) - 1):
        path.write_bytes(data[:size])
        with pytest.raises(IndexFileError, match=str(path)):
            VectorIndex.load(path)
    path.write_bytes(data + b"\0")
    with pytest.raises(IndexFileError, match="damaged"):
        VectorIndex.load(path)


def test_other_files_are_refused(saved, tmp_path):
    path = tmp_path / "index"
    deep = b"[" * 60_000
    for data in (
        b"GIF89a" * 99,
        b"\x80\x04\x95pickle",
        b"{}",
        len(deep).to_bytes(8, "little") + deep,
        b"\xff" * 99,
    ):
        path.write_bytes(data)
        with pytest.raises(IndexFileError, match=f"{path} is no saved vector index"):
            VectorIndex.load(path)
    save_file({"vectors": np.ones((2, 3), np.float32)}, path)
    with pytest.raises(IndexFileError, match=f"{path} is no saved vector index"):
        VectorIndex.load(path)
    path.write_bytes(saved["exact"].read_bytes().replace(b'"version": "1"', b'"version": "2"'))
    with pytest.raises(IndexFileError, match=f"{path} has version '2', and this program reads version 1"):
        VectorIndex.load(path)
    with pytest.raises(IndexFileError, match="at most 1,000 are read here"):
        VectorIndex.load(saved["exact"], max_bytes=1000)
    os.mkfifo(tmp_path / "pipe")
    for place, message in (
        (tmp_path / "none", "No such file"),
        (tmp_path, "no file"),
        (tmp_path / "pipe", "no file"),
    ):
        with pytest.raises(IndexFileError, match=f"{place} .*{message}"):
            VectorIndex.load(place)


HOSTILE = {
    "an endless array": ("exact", lambda v, a: a.update(vectors=np.zeros((0, 2**20), np.float32))),
    "other numbers": ("exact", lambda v, a: a.update(vectors=a["vectors"].astype(np.int64))),
    "infinite": ("exact", lambda v, a: a["vectors"].__setitem__((3, 3), np.inf)),
    "not a number": ("ivf", lambda v, a: a["rows"].__setitem__((3, 3), np.nan)),
    "too long": ("exact", lambda v, a: a["vectors"].__setitem__(3, 5)),
    "zero": ("hnsw", lambda v, a: a["vectors"].__setitem__(3, 0)),
    "missing": ("exact", lambda v, a: a.pop("ids")),
    "dimension": ("exact", lambda v, a: v.update(dimension=12)),
    "huge dimension": ("exact", lambda v, a: v.update(dimension=2**40)),
    "true for a number": ("exact", lambda v, a: v.update(dimension=True)),
    "kind": ("exact", lambda v, a: v.update(kind="__class__")),
    "store": ("exact", lambda v, a: v.update(store=["flat"])),
    "recall": ("exact", lambda v, a: v.update(recall=1e9)),
    "next id": ("exact", lambda v, a: v.update(next_id=299)),
    "id twice": ("exact", lambda v, a: a["ids"].__setitem__(1, 0)),
    "negative id": ("ivf", lambda v, a: a["ids"].__setitem__(1, -7)),
    "other ids": ("ivf", lambda v, a: a["ids"].__setitem__(1, 777)),
    "falling ids": ("exact", lambda v, a: a.update(item_ids=a["item_ids"][::-1].copy())),
    "no object": ("exact", lambda v, a: a["item_texts"].__setitem__(0, ord("["))),
    "not ASCII": ("exact", lambda v, a: a["item_texts"].__setitem__(2, 200)),
    "item beyond the end": ("exact", lambda v, a: a["item_ends"].__setitem__(-1, 2**62)),
    "items that overlap": ("exact", lambda v, a: a["item_ends"].__setitem__(3, 1)),
    "sizes": ("ivf", lambda v, a: a["sizes"].__setitem__(0, a["sizes"][0] + 1)),
    "negative size": ("ivf", lambda v, a: a["sizes"].__setitem__(slice(2), [-1, a["sizes"][:2].sum() + 1])),
    "sizes that overflow": ("pq", lambda v, a: a["sizes"].__setitem__(slice(2), 2**62)),
    "no lists": ("ivf", lambda v, a: a.update(sizes=np.empty(0, np.int64), centroids=a["centroids"][:0])),
    "no probes": ("ivf", lambda v, a: v.update(probes=0)),
    "too many probes": ("pq", lambda v, a: v.update(probes=10**6)),
    "width of codes": ("pq", lambda v, a: a.update(rows=a["rows"][:, :-1].copy())),
    "words": ("pq", lambda v, a: a.update(words=a["words"][:-1])),
    "no words": ("pq", lambda v, a: a.update(words=a["words"][:0])),
    "rotation": ("pq", lambda v, a: a.update(rotation=a["rotation"][:, 1:].copy())),
    "large rotation": ("pq", lambda v, a: a["rotation"].__setitem__((0, 0), 1e30)),
    "entry": ("hnsw", lambda v, a: v.update(entry=10**6)),
    "low entry": ("hnsw", lambda v, a: v.update(entry=int(a["levels"].argmin()))),
    "links": ("hnsw", lambda v, a: v.update(links=17)),
    "level": ("hnsw", lambda v, a: a["levels"].__setitem__(3, 10**6)),
    "no level": ("hnsw", lambda v, a: a["levels"].__setitem__(3, 0)),
    "link out of range": ("hnsw", lambda v, a: a["neighbors"].__setitem__(3, 300)),
    "negative link": ("hnsw", lambda v, a: a["neighbors"].__setitem__(3, -2)),
    "link to a missing level": ("hnsw", lambda v, a: link_to_bottom(a)),
    "id twice in a graph": ("hnsw", lambda v, a: a["ids"].__setitem__(1, 0)),
}


def link_to_bottom(arrays):
    """Link the first list of the first upper level to a node of the bottom level alone."""
    levels, links = arrays["levels"], 16
    node = int((levels > 1).argmax())
    begin = int(((levels[:node] + 1) * links).sum())  # twice as many on the bottom level
    arrays["neighbors"][begin + 2 * links] = int((levels == 1).argmax())


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_with_a_valid_checksum_is_refused(name, saved, tmp_path):
    index_type, change = HOSTILE[name]
    path = rewritten(saved[index_type], tmp_path / "index", change)
    with pytest.raises(IndexFileError, match=f"{path} is damaged"):
        VectorIndex.load(path)


def test_a_header_that_contradicts_the_arrays(saved, tmp_path):
    data, path = saved["exact"].read_bytes(), tmp_path / "index"
    length = int.from_bytes(data[:8], "little")
    for change in (
        {"shape": [2**62, 2**62]},
        {"shape": [0, 10**30]},
        {"shape": [-1, -1]},
        {"shape": "ab"},
        {"shape": []},
        {"dtype": "O"},
        {"dtype": []},
        {"data_offsets": [0, 10**18]},
        {"data_offsets": [1]},
    ):
        header = json.loads(data[8 : 8 + length])
        header["vectors"] |= change
        text = json.dumps(header).encode()
        path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])
        with pytest.raises(IndexFileError, match=f"{path} is damaged .its header"):
            VectorIndex.load(path)


@pytest.mark.parametrize("index_type", INDEX_TYPES)
def test_a_file_with_any_numbers_is_refused_or_searched(index_type, saved, tmp_path):
    """No numbers in the arrays crash the process."""
    rng = np.random.default_rng(0)

    def shuffle(values, arrays):
        name = rng.choice([name for name in arrays if not name.startswith("item")])
        array = arrays[name]
        places = rng.integers(len(array), size=3)
        array[places] = array[rng.integers(len(array), size=3)]  # in range, but out of place
        if rng.random() < 0.3:
            array[places[0]] = rng.integers(-2, 300)

    outcomes = set()
    for _ in range(30):
        path = rewritten(saved[index_type], tmp_path / "index", shuffle)
        try:
            scores, _ = VectorIndex.load(path).search(draw(4), k=298)
            outcomes.add(bool(np.isfinite(scores).all()))
        except IndexFileError:
            outcomes.add(None)
    assert outcomes <= {True, None}
    assert outcomes
