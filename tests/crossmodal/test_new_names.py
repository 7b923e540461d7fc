"""Training of a joint space on names that it does not know, without forgetting what it knows."""

import copy

import numpy as np
import pytest
import torch
from PIL import Image

from shared.crossmodal.data.datasets import read_flickr8k
from shared.crossmodal.data.named_images import read_named_images
from shared.crossmodal.engines import load_joint_space
from shared.crossmodal.text.tokenizer import SubwordTokenizer
from shared.crossmodal.train import main
from shared.crossmodal.training.objectives import Retaining
from shared.crossmodal.training.starting_point import extend_vocabulary
from shared.crossmodal.training.student import Student
from shared.crossmodal.training.teacher import TEACHER_DIM
from shared.networks.crossmodal.joint import JointSpace
from tests.crossmodal.training_options import SMALL

pytestmark = pytest.mark.usefixtures("one_core")

NEW_COLORS = {"purple": (150, 20, 160), "orange": (250, 150, 20)}


def bag_of_words_vector(text):
    """Return the normalised sum of a random vector for each word of a text."""
    words = [np.random.default_rng(sum(map(ord, word))).normal(size=TEACHER_DIM) for word in text.split()]
    total = np.sum(words, 0)
    return (total / np.linalg.norm(total)).astype(np.float16)


@pytest.fixture
def bag_of_words_teacher(monkeypatch):
    monkeypatch.setattr(
        "shared.crossmodal.training.inputs.teacher_vectors",
        lambda texts, path: np.stack([bag_of_words_vector(text) for text in texts]),
    )


@pytest.fixture
def named_folder(tmp_path):
    """Images of two further colors in folders of their names."""
    rng = np.random.default_rng(0)
    for name, color in NEW_COLORS.items():
        folder = tmp_path / "things" / name
        folder.mkdir(parents=True)
        for number in range(12):
            pixels = rng.normal(0, 12, (24, 24, 3)) + color
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / f"{number:02}.png")
    return tmp_path / "things"


@pytest.fixture
def noun_folder(tmp_path):
    """WordNet's folder with one noun."""
    line = "00000001 05 n 01 violet 0 000 | a purple violet that is violet, as violet as purple is purple"
    (tmp_path / "data.noun").write_text(line, encoding="utf-8")
    return tmp_path


def test_new_words_leave_all_embeddings_as_they_are():
    settings = {"heads": ["plain"], "words": ["a", "dog"], "buckets": 64, "width": 8, "features": 8}
    settings["hidden"] = 4
    space = JointSpace(**settings).eval()
    extended, extended_settings = extend_vocabulary(space, settings, ["dog", "astronaut", "comet"], 3)
    assert extended_settings["words"] == ["a", "dog", "astronaut"]
    assert settings["words"] == ["a", "dog"]
    texts = ["a dog", "an astronaut", "a cat"]
    before, after = (
        torch.from_numpy(SubwordTokenizer(vocabulary, 64)(texts))
        for vocabulary in (settings["words"], extended_settings["words"])
    )
    assert after.shape[2] == before.shape[2] + 1  # the longest word has a row of its own now
    with torch.no_grad():
        assert np.allclose(space.text(before), extended.text(after), atol=1e-5)


def test_words_of_the_vocabulary_stay_if_it_is_full():
    settings = {"heads": ["plain"], "words": ["a", "dog"], "buckets": 64, "width": 8, "features": 8}
    space = JointSpace(**settings).eval()
    assert extend_vocabulary(space, settings, ["cat"], 1)[1]["words"] == ["a", "dog"]


def test_a_trained_space_learns_new_names(
    training_data, color_folder, named_folder, noun_folder, bag_of_words_teacher, tmp_path
):
    options = [*SMALL, "--heads", "rrf", "--rate", "0.02"]
    stages = ["--warm-steps", "150", "--steps", "0", "--tune-steps", "1", "--tune-size", "64"]
    stages += ["--tune-batch", "4"]
    first = main([*training_data, *options, *stages, "--out", str(tmp_path / "first")])
    data = ["--data", f"flickr8k={color_folder}", f"named={named_folder}", "--nouns", str(noun_folder)]
    data += ["--extra-share", "0.5", "--words", "100"]
    stages = ["--frozen-warm-steps", "250", "--frozen-steps", "5", "--validate-every", "50"]
    losses = ["--distil", "1", "--lwf", "0.1", "--start", str(first), "--start-weight", "0"]
    out = ["--out", str(tmp_path / "second")]
    folder = main([*training_data, *options, *data, *stages, *losses, *out])
    embedder = load_joint_space(folder=folder)
    assert {"red", "purple", "orange", "violet"} <= set(embedder.config["words"])
    images = [image.image() for image in read_named_images(named_folder, "test").images]
    images += [image.image() for image in read_flickr8k(color_folder, "test").images[:4]]
    texts = ["an orange", "a photo of purple", "a red wall", "green", "it is blue", "white"]
    scores = embedder.embed_images(images, "rrf") @ embedder.embed_texts(texts, "rrf").T
    assert (np.diag(scores)[:2] > scores[[0, 1], [1, 0]] + 0.1).all()
    # How well so small a space learns depends on the machine's rounding; by chance the sum would be 15.
    ranks = (scores > np.diag(scores)[:, None]).sum(1)
    assert ranks.sum() <= 7, ranks


def test_retaining_penalises_changes_of_known_pairs_alone():
    torch.manual_seed(0)
    space = JointSpace(["rrf", "cyclematch"], buckets=16, features=8, width=8, hidden=4, embedding=8).eval()
    student = Student(copy.deepcopy(space)).eval()
    features = torch.randn(3, 10, 1280)
    subword_ids = torch.cat([torch.randint(1, 6, (4, 2, 3)), torch.randint(6, 11, (2, 2, 3))])
    batch = (features, subword_ids, torch.tensor([0, 0, 1, 1, 2, 2]), None, None)

    @torch.no_grad()
    def drift(known_identities):
        objective = Retaining(lambda student, batch: torch.zeros(()), 2.0, space, known_identities)
        return float(objective(student, batch))

    assert drift(3) == pytest.approx(0, abs=1e-5)
    with torch.no_grad():
        table = student.space.text.pieces.weight
        table[1:6] -= 1
        table[6:11] += 1  # the rows of the third image's texts
    complete, of_known = drift(3), drift(2)
    assert complete > 0.01
    subword_ids[4:] = 0  # different texts of the third image, in a row that has not changed
    subword_ids[4:, :, 0] = 11
    assert drift(3) < complete - 1e-3
    assert drift(2) == pytest.approx(of_known)
