"""Files come back as they were written, or are refused with one sentence."""

import pickle

import numpy as np
import pytest

from shared.retrieval.deepindex import storage

ARRAYS = {"a": np.arange(12, dtype=np.float32).reshape(3, 4), "none": np.zeros((0, 2), np.uint8)}


@pytest.fixture
def path(tmp_path):
    return storage.write(
        tmp_path / "new folder" / "file.safetensors", "thing", ARRAYS, power=3.0, levels=["x"]
    )


def test_round_trip(path):
    arrays, settings = storage.read(path, "thing")
    assert settings == {"power": 3.0, "levels": ["x"]}
    assert set(arrays) == set(ARRAYS)
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        assert arrays[name].shape == array.shape
        assert (arrays[name] == array).all()
    assert [found.name for found in path.parent.iterdir()] == [path.name]  # no draft is left


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(storage.StorageError, match=r"nothing\.here does not exist"):
        storage.read(tmp_path / "nothing.here", "thing")


def test_another_kind_is_refused(path):
    with pytest.raises(storage.StorageError, match="no other file"):
        storage.read(path, "other")


@pytest.mark.parametrize("place", [0, 7, 30, 200, -1, -20])
def test_every_changed_bit_is_seen(path, place):
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(storage.StorageError, match=path.name):
        storage.read(path, "thing")


@pytest.mark.parametrize("length", [0, 4, 100, -1])
def test_part_of_a_file_is_refused(path, length):
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(storage.StorageError, match=path.name):
        storage.read(path, "thing")


def test_nothing_is_unpickled(path, tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "trap"), "w"))

    path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(storage.StorageError, match="damaged or no thing file"):
        storage.read(path, "thing")
    assert not (tmp_path / "trap").exists()
