import csv
import json

import numpy as np
import pytest
import torch
from PIL import Image

from shared.evaluation.segmentation import VOID
from shared.restyle import benchmark, train
from shared.restyle.parsing.benchmarks.overlap import evaluate, stretched_labels
from shared.restyle.parsing.benchmarks.people import person_masks
from shared.restyle.parsing.classes import NAMES, class_index
from shared.restyle.parsing.data.ccp import read_ccp
from shared.restyle.parsing.training.batches import ExamplePool, make_batch, paste
from shared.restyle.parsing.training.examples import (
    ANYTHING,
    BACKGROUND,
    PERSON,
    class_set,
    read_examples,
    store_example,
)
from shared.restyle.parsing.training.labels import ccp_examples, tagged_examples
from shared.restyle.parsing.training.losses import class_weights, membership, set_loss
from shared.restyle.parsing.training.sets import (
    narrow_sets,
    restrict_by_parts,
    sets_of_classes,
    sets_of_people,
    sets_of_voc,
)
from shared.restyle.parsing.training.teachers import People

LABELS = ["null", "hair", "dress"]


@pytest.fixture
def ccp(tmp_path):
    root = tmp_path / "ccp"
    (root / "photos").mkdir(parents=True)
    (root / "labels").mkdir()
    (root / "label_names.json").write_text(json.dumps({"names": LABELS}))
    rows = [("1", "pixel", "train", "0 2"), ("2", "pixel", "test", "0 1 2"), ("3", "image", "train", "0 1")]
    with (root / "photos.tsv").open("w", newline="") as file:
        writer = csv.writer(file, delimiter="\t")
        writer.writerows([("id", "annotation", "split", "tag_ids"), *rows])
    ids = np.zeros((96, 64), np.uint8)
    ids[20:80, 20:44] = 2
    for name, *_ in rows:
        Image.fromarray(ids * 90).convert("RGB").save(root / "photos" / f"{name}.webp")
        Image.fromarray(ids).save(root / "labels" / f"{name}.png")
    return root


def people_of(person: np.ndarray, part: int) -> People:
    return People(
        person.astype(np.float32),
        person > 0.5,
        np.full(person.shape, part, np.uint8),
        np.full(person.shape, 0.9, np.float32),
    )


def test_reader_lists_splits_and_maps_labels(ccp):
    (photo,) = read_ccp(ccp, "train")
    assert photo.name == "1"
    assert photo.classes()[40, 30] == class_index("dress")
    assert photo.tags == (0, class_index("dress"))
    (tagged,) = read_ccp(ccp, "tags")
    assert tagged.tags == (0, class_index("hair"))
    with pytest.raises(ValueError, match="no labelled pixels"):
        tagged.classes()


def test_reader_names_the_missing_table_and_split(tmp_path, ccp):
    with pytest.raises(FileNotFoundError, match="--data"):
        read_ccp(tmp_path / "nothing", "train")
    with pytest.raises(ValueError, match="'val'"):
        read_ccp(ccp, "val")


def test_examples_keep_sets_and_size(tmp_path, ccp):
    for labelled in ccp_examples(read_ccp(ccp, "train")):
        store_example(tmp_path / "examples", *labelled)
    (example,) = read_examples(tmp_path / "examples")
    assert example.image.shape == (96, 64, 3)
    assert example.sets[40, 30] == class_set(["dress"])
    assert example.sets[0, 0] == BACKGROUND


def test_large_photo_is_shrunk_with_its_sets(tmp_path):
    sets = np.full((900, 1200), PERSON, np.uint16)
    store_example(tmp_path, "large", Image.new("RGB", (1200, 900)), sets)
    (example,) = read_examples(tmp_path)
    assert example.sets.shape == (450, 600)
    assert (example.sets == PERSON).all()


def test_folder_without_examples_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no examples"):
        read_examples(tmp_path)


def test_void_may_be_anything():
    assert sets_of_classes(np.array([[VOID, 0]], np.uint8)).tolist() == [[ANYTHING, BACKGROUND]]
    assert sets_of_voc(np.array([[15, 12, 0, VOID]], np.uint8)).tolist() == [
        [PERSON, BACKGROUND, BACKGROUND, ANYTHING]
    ]


def test_networks_must_agree_on_people():
    person = np.zeros((40, 40), np.float32)
    person[10:30, 10:30] = 1
    people = people_of(person, part=0)
    sets = sets_of_people(people)
    assert sets[20, 20] == class_set(["skin", "hair", "accessory"])
    assert sets[2, 2] == BACKGROUND
    assert sets[20, 31] == ANYTHING  # the rim is nobody's
    disagreeing = people._replace(deeplab=np.zeros((40, 40), bool))
    assert sets_of_people(disagreeing)[20, 20] == ANYTHING


def test_body_parts_that_do_not_fit_restrict_nothing():
    person = np.ones((9, 9), np.float32)
    hair = np.full((9, 9), class_set(["hair"]), np.uint16)
    assert (restrict_by_parts(hair, people_of(person, part=22)) == hair).all()  # a foot has no hair
    everything = np.full((9, 9), PERSON, np.uint16)
    foot = restrict_by_parts(everything, people_of(person, part=22))
    assert (foot == class_set(["skin", "bottom", "legwear", "shoes"])).all()


def test_tagged_photo_may_show_its_tags_anywhere(ccp):
    ((name, image, sets),) = tagged_examples(read_ccp(ccp, "tags"))
    assert name == "3"
    assert sets.shape == image.size[::-1]
    assert (sets == class_set(["background", "hair"])).all()


def test_loss_is_the_cross_entropy_for_sets_of_one_class():
    torch.manual_seed(0)
    logits = torch.randn(2, 11, 6, 5)
    ids = torch.randint(0, 11, (2, 6, 5))
    loss = set_loss(logits, (1 << ids).int(), torch.ones(11))
    p, truth = logits.softmax(1), torch.nn.functional.one_hot(ids, 11).permute(0, 3, 1, 2).float()
    overlap, total = (p * truth).sum((0, 2, 3)), (p + truth).sum((0, 2, 3))
    present = truth.sum((0, 2, 3)) > 0
    jaccard = (1 - (overlap + 1) / (total - overlap + 1))[present].mean()
    expected = torch.nn.functional.cross_entropy(logits, ids) + 0.4 * jaccard
    assert torch.allclose(loss, expected, atol=1e-5)


def test_set_of_all_classes_teaches_nothing():
    logits = torch.randn(1, 11, 4, 4, requires_grad=True)
    loss = set_loss(logits, torch.full((1, 4, 4), ANYTHING).int(), torch.ones(11))
    loss.backward()
    assert abs(loss.item()) < 1e-5
    assert logits.grad is not None
    assert logits.grad.abs().max() < 1e-6


def test_gradient_moves_towards_the_set():
    logits = torch.zeros(1, 11, 1, 1, requires_grad=True)
    set_loss(logits, torch.full((1, 1, 1), class_set(["hair", "skin"])).int(), torch.ones(11)).backward()
    assert logits.grad is not None
    falling = (logits.grad[0, :, 0, 0] < 0).nonzero().flatten().tolist()
    assert falling == [class_index("skin"), class_index("hair")]


def test_rare_classes_weigh_more():
    sets = np.full((100, 100), BACKGROUND, np.uint16)
    sets[:2] = class_set(["hair"])
    sets[50] = PERSON  # sets of several classes do not count
    weights = class_weights([sets])
    assert weights[class_index("hair")] > weights[0]
    shares = np.array([97 / 99, 2 / 99])
    assert np.isclose((weights[[0, 2]].numpy() * shares).sum(), 1, atol=0.01)


def test_membership_unpacks_bits():
    assert membership(torch.tensor([[[5]]], dtype=torch.int32), 3)[0, :, 0, 0].tolist() == [True, False, True]


def test_pasted_person_brings_its_classes():
    subject = np.ones((3, 20, 20), np.float32), np.full((20, 20), BACKGROUND, np.int32)
    subject[1][5:15, 5:15] = class_set(["top"])
    scene = np.zeros((3, 20, 20), np.float32), np.full((20, 20), ANYTHING, np.int32)
    image, sets = paste(subject, scene)
    assert image[0, 10, 10] == 1
    assert image[0, 0, 0] == 0
    assert sets[10, 10] == class_set(["top"])
    assert sets[0, 0] == ANYTHING


def test_batches_repeat_with_their_seed(tmp_path, ccp):
    for labelled in ccp_examples(read_ccp(ccp, "train")):
        store_example(tmp_path / "examples", *labelled)
    examples = read_examples(tmp_path / "examples")
    pools = [ExamplePool(examples, 1.0, labelled=True), ExamplePool(examples, 1.0, labelled=False)]
    images, sets = make_batch(pools, 3, 64, np.random.default_rng(1))
    again, _ = make_batch(pools, 3, 64, np.random.default_rng(1))
    assert images.shape == (3, 3, 64, 64)
    assert sets.shape == (3, 64, 64)
    assert torch.equal(images, again)
    assert 0 <= float(images.min()) <= float(images.max()) <= 1


class PerfectParser:
    """Stands for a parser that knows the classes."""

    def __init__(self, classes: np.ndarray) -> None:
        self.classes = classes

    def probabilities(self, image: Image.Image) -> np.ndarray:
        return np.eye(len(NAMES), dtype=np.float32)[self.classes].transpose(2, 0, 1)


def test_perfect_parser_scores_one(ccp):
    photos = read_ccp(ccp, "test")
    figures = evaluate(PerfectParser(photos[0].classes()), photos)
    assert figures["mIoU"] == figures["pixel_accuracy"] == figures["person_IoU"] == 1
    assert np.isnan(figures["IoU_bag"])
    assert evaluate(PerfectParser(photos[0].classes()), photos, largest=True)["mIoU"] == 1
    missed = evaluate(PerfectParser(np.zeros((96, 64), np.uint8)), photos)
    assert missed["person_IoU"] == 0


def test_labels_are_stretched():
    probabilities = np.eye(2, dtype=np.float32)[[[0, 1]]].transpose(2, 0, 1)
    assert stretched_labels(probabilities, (4, 1)).tolist() == [[0, 0, 1, 1]]


def test_person_masks_read_outlines(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("1 0 0 0.5 0 0.5 1 0 1\n16 0 0 1 0 1 1\n")
    (mask,) = person_masks(path, (40, 20))
    assert mask.shape == (20, 40)
    assert mask[10, 5]
    assert not mask[10, 35]


@pytest.mark.parametrize("main", [train.main, benchmark.main])
def test_command_lines_list_their_rows(main):
    with pytest.raises(SystemExit, match="parsing"):
        main([])


@pytest.mark.parametrize("name", sorted(train.TRAININGS))
def test_trainings_have_help(name, capsys):
    with pytest.raises(SystemExit) as stop:
        train.main([name, "--help"])
    assert stop.value.code == 0
    assert "--out" in capsys.readouterr().out


def test_sure_predictions_narrow_sets():
    probabilities = np.zeros((11, 1, 4), np.float32)
    probabilities[2], probabilities[0] = [[0.9, 0.5, 0.9, 0.2]], [[0.1, 0.5, 0.1, 0.8]]
    sets = np.array([[ANYTHING, ANYTHING, BACKGROUND, PERSON]], np.uint16)
    assert narrow_sets(sets, probabilities).tolist() == [[4, ANYTHING, BACKGROUND, PERSON]]
    probabilities[2, 0, 3], probabilities[0, 0, 3] = 0.4, 0.6  # hair is the only possible class
    assert narrow_sets(sets, probabilities)[0, 3] == 4
