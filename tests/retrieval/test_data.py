"""Readers of retrieval sets, on small copies in their layouts."""

import pickle
import zipfile

import numpy as np
import pytest
from PIL import Image

from shared.retrieval.data.instances import read_holidays, read_ukbench
from shared.retrieval.data.landmarks import DAMAGED, read_landmarks, read_revisited


def save_image(path, color="red"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (6, 4), color).save(path)


def names(data, indices):
    return sorted(data.images[index].name for index in indices)


def test_holidays_in_a_folder(tmp_path):
    for name in ("jpg/100001", "jpg/100000", "jpg/100002", "jpg/100100", "jpg/100200", "jpg/100201"):
        save_image(tmp_path / f"{name}.jpg")
    save_image(tmp_path / "jpg/readme.jpg")
    data = read_holidays(tmp_path)
    assert [image.name for image in data.images] == [
        "100000",
        "100001",
        "100002",
        "100100",
        "100200",
        "100201",
    ]
    assert [query.image.name for query in data.queries] == ["100000", "100200"]
    assert names(data, data.queries[0].relevant) == ["100001", "100002"]
    assert names(data, data.queries[0].junk) == ["100000"]
    assert data.trapezoid
    assert "6 photos" in data.name
    assert len(data.limit(1).queries) == 1
    assert len(data.limit(None).queries) == 2


def test_holidays_in_archives(tmp_path):
    save_image(tmp_path / "image.webp")
    for number in range(2):
        with zipfile.ZipFile(tmp_path / f"images-{number}.zip", "w") as archive:
            archive.write(tmp_path / "image.webp", f"10000{1 - number}.webp")
    data = read_holidays(tmp_path)
    assert [image.name for image in data.images] == ["100000", "100001"]
    assert data.images[1].image().size == (6, 4)
    assert names(data, data.queries[0].relevant) == ["100001"]


def test_a_folder_without_the_set_is_an_error(tmp_path):
    save_image(tmp_path / "100000.jpg")
    for read in (read_holidays, read_ukbench, read_landmarks, read_revisited):
        with pytest.raises(FileNotFoundError, match="holds no"):
            read(tmp_path)


def test_ukbench(tmp_path):
    for number in range(8):
        save_image(tmp_path / f"full/ukbench{number:05}.jpg")
    data = read_ukbench(tmp_path)
    assert len(data.queries) == len(data.images) == 8
    assert data.queries[5].relevant == {4, 5, 6, 7}
    assert data.queries[5].image == data.images[5]
    assert not data.queries[5].junk
    (tmp_path / "full/ukbench00002.jpg").unlink()
    with pytest.raises(ValueError, match="without a gap"):
        read_ukbench(tmp_path)


@pytest.fixture
def buildings(tmp_path):
    for name in ("all_souls_000013", "all_souls_000026", "all_souls_000051", "radcliffe_000001"):
        save_image(tmp_path / f"jpg/{name}.jpg")
    lists = {"good": "all_souls_000013\n", "ok": "all_souls_000026\n", "junk": "all_souls_000051\n"}
    lists["query"] = "oxc1_all_souls_000013 1.5 0.5 5.0 3.5"
    for name, text in lists.items():
        (tmp_path / f"all_souls_1_{name}.txt").write_text(text)
    return tmp_path


def test_oxford(buildings):
    data = read_landmarks(buildings)
    (query,) = data.queries
    assert data.name == "Oxford5k"
    assert (query.image.name, query.box) == ("all_souls_000013", (1.5, 0.5, 5.0, 3.5))
    assert names(data, query.relevant) == ["all_souls_000013", "all_souls_000026"]
    assert names(data, query.junk) == ["all_souls_000051"]
    (buildings / "jpg/all_souls_000026.jpg").unlink()
    with pytest.raises(FileNotFoundError, match="lacks 1 photos of its lists, such as all_souls_000026"):
        read_landmarks(buildings)


def test_paris_without_its_damaged_files(tmp_path):
    for name in ("paris_defense_000605", "paris_louvre_000136"):
        save_image(tmp_path / f"paris/{name.split('_')[1]}/{name}.jpg")
    for name, text in (("good", "paris_defense_000605"), ("ok", ""), ("junk", "")):
        (tmp_path / f"defense_1_{name}.txt").write_text(text)
    (tmp_path / "defense_1_query.txt").write_text("paris_defense_000605 0 0 6 4\n")
    data = read_landmarks(tmp_path)
    assert data.name == "Paris6k"
    assert [image.name for image in data.images] == ["paris_defense_000605"]
    assert len(DAMAGED) == 20


def ground_truth(**changes):
    """Return the ground truth of one query, as the revisited protocol stores it."""
    row = {"bbx": [1.0, 0.0, 5.0, 4.0], "easy": [0], "hard": np.array([2]), "junk": [1], **changes}
    return {
        "imlist": ["all_souls_000026", "all_souls_000051", "radcliffe_000001"],
        "qimlist": ["all_souls_000013"],
        "gnd": [row],
    }


@pytest.mark.parametrize("protocol", [0, 2, pickle.HIGHEST_PROTOCOL])
def test_the_revisited_protocol(protocol, buildings):
    (buildings / "gnd_roxford5k.pkl").write_bytes(pickle.dumps(ground_truth(), protocol))
    expected = {"easy": ({0}, {1, 2}), "medium": ({0, 2}, {1}), "hard": ({2}, {0, 1})}
    for difficulty, (relevant, junk) in expected.items():
        data = read_revisited(buildings, difficulty)
        (query,) = data.queries
        assert (query.relevant, query.junk) == (relevant, junk)
        assert (query.image.name, query.box) == ("all_souls_000013", (1.0, 0.0, 5.0, 4.0))
        assert query.image not in data.images
        assert data.name == f"revisited Oxford5k, {difficulty}"
    with pytest.raises(ValueError, match="easy, medium, hard, received 'harder'"):
        read_revisited(buildings, "harder")


@pytest.mark.parametrize("content", [print, {"gnd": []}, [1, 2], ground_truth(easy=1)])
def test_a_pickle_of_anything_else_is_an_error(content, buildings):
    (buildings / "gnd_roxford5k.pkl").write_bytes(pickle.dumps(content))
    with pytest.raises(ValueError, match=r"builtins\.print|no list of queries"):
        read_revisited(buildings)
