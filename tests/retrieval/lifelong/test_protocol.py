import numpy as np
import pytest
import torch

from shared.retrieval.data.class_sets import CLASS_SETS, read_cub, read_folders
from shared.retrieval.lifelong.protocol import (
    Vectors,
    class_groups,
    lesson_views,
    retrieval_figures,
    sequence_figures,
)
from shared.retrieval.lifelong.views import Views
from tests.retrieval.lifelong.colors import photo


def unit(angles: list[float]) -> np.ndarray:
    radians = np.radians(angles)
    return np.stack([np.cos(radians), np.sin(radians)], 1).astype(np.float32)


def test_recall_and_precision_of_a_case_made_by_hand():
    # The nearest neighbor of 0 and of 10 is the other one; 20's is 10, of another class; 90's is 20.
    vectors = Vectors(unit([0, 10, 20, 90]), np.array([0, 0, 1, 1]))
    figures = retrieval_figures(vectors, vectors)
    assert figures["recall@1"] == pytest.approx(3 / 4)
    assert figures["recall@2"] == pytest.approx(3 / 4)
    assert figures["recall@4"] == 1
    assert figures["mAP"] == pytest.approx((1 + 1 + 1 / 3 + 1) / 4)


def test_a_query_is_not_its_own_match_and_lonely_images_do_not_count():
    vectors = Vectors(unit([0, 50, 90]), np.array([0, 1, 1]))
    assert retrieval_figures(vectors, vectors)["recall@1"] == 1


def test_forgetting_and_the_gallery_that_was_kept():
    targets = np.array([0, 0, 1, 1, 2, 2])
    old, new = np.array([0, 1]), np.array([2])
    first = Vectors(unit([0, 5, 90, 95, 40, 50]), targets)
    final = Vectors(unit([0, 90, 5, 95, 40, 45]), targets)  # the old classes are mixed up
    figures = sequence_figures(final, first, first, old, new)
    assert figures["forgetting"] == 1
    assert figures["old_recall@1"] == 0
    assert figures["new_recall@1"] == 1
    turned = Vectors(unit([180 + angle for angle in (0, 5, 90, 95, 40, 50)]), targets)
    rotated = sequence_figures(turned, first, first, old, new)
    assert rotated["forgetting"] == 0  # all similarities are the same
    assert rotated["old_recall@1_kept"] < 1  # but not those to the vectors of before


def test_groups_need_enough_classes():
    with pytest.raises(ValueError, match="5 classes"):
        class_groups(range(4), (3, 2))


def test_lesson_numbers_its_classes_from_the_known_ones():
    views = Views(torch.zeros(6, 1, 1, 1, 1), torch.tensor([4, 2, 4, 0, 2, 1]))
    lesson = lesson_views(views, np.array([4, 2]), known=10)
    assert lesson.labels.tolist() == [10, 11, 10, 11]


def test_lessons_have_all_classes_of_the_published_protocols():
    assert sum(CLASS_SETS["grocery"].steps) == 81
    assert sum(CLASS_SETS["flowers"].one_step) == 17
    assert sum(CLASS_SETS["caltech"].steps) == sum(CLASS_SETS["caltech"].one_step) == 101
    assert CLASS_SETS["cub"].steps == (100, 25, 25, 25, 25)
    assert CLASS_SETS["dogs"].steps == (60, 15, 15, 15, 15)


def test_folders_are_classes_and_split_inside_each(tmp_path):
    for color in ("red", "blue"):
        (tmp_path / "set" / color).mkdir(parents=True)
        for number in range(5):
            photo(color, number).save(tmp_path / "set" / color / f"{number}.jpg")
    (tmp_path / "set" / "BACKGROUND_Google").mkdir()
    photo("gold", 0).save(tmp_path / "set" / "BACKGROUND_Google" / "0.jpg")
    train, test = read_folders(tmp_path)
    assert train.classes == ("blue", "red")
    assert np.bincount(train.targets).tolist() == [3, 3]
    assert np.bincount(test.targets).tolist() == [2, 2]
    assert not {file.path for file in train.images} & {file.path for file in test.images}


def test_cub_reads_its_lists_and_the_published_ones_first(tmp_path):
    (tmp_path / "images.txt").write_text("".join(f"{i} {1 + i // 5:03d}.Bird/{i}.jpg\n" for i in range(10)))
    (tmp_path / "image_class_labels.txt").write_text("".join(f"{i} {1 + i // 5}\n" for i in range(10)))
    train, test = read_cub(tmp_path)
    assert train.classes == ("001.Bird", "002.Bird")
    assert (len(train.images), len(test.images)) == (6, 4)
    (tmp_path / "train.txt").write_text("images/001.Bird/0.jpg 0\nimages/002.Bird/5.jpg 1\n")
    (tmp_path / "test.txt").write_text("images/001.Bird/1.jpg 0\nimages/002.Bird/6.jpg 1\n")
    train, test = read_cub(tmp_path)
    assert train.images[1].path == tmp_path / "images/002.Bird/5.jpg"
    assert test.targets.tolist() == [0, 1]
    with pytest.raises(FileNotFoundError, match="--data"):
        read_cub(tmp_path / "nothing")
