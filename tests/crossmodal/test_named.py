"""Photos of things with their names, and what nouns mean."""

import copy
import shutil
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image
from shared.crossmodal.training.vocabulary import extend_vocabulary

from shared.crossmodal.data.datasets import read_flickr8k
from shared.crossmodal.data.named_things import MOST_PHOTOS, names_alone, read_named, read_nouns, say
from shared.crossmodal.data.training_data import read_held_out, read_training_data
from shared.crossmodal.embedders.joint_space import JointSpaceEmbedder
from shared.crossmodal.engines import ENGINES
from shared.crossmodal.text.tokenizer import SubwordTokenizer
from shared.crossmodal.train import main
from shared.crossmodal.training.batches import Pairs
from shared.crossmodal.training.joint_arguments import arguments
from shared.crossmodal.training.objectives import Student, retain_embeddings
from shared.crossmodal.training.teacher import LENGTH
from shared.networks.joint import JointSpace

pytestmark = pytest.mark.usefixtures("one_core")


def photos(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        Image.new("RGB", (4, 4)).save(folder / f"{name}.png")


def test_a_folder_says_what_its_photos_show(tmp_path):
    photos(tmp_path / "sea_horse", *(f"{number:02}" for number in range(20)))
    photos(tmp_path / "Faces_easy", "face")
    photos(tmp_path / "BACKGROUND_Google", "clutter")
    train, dev, test = (read_named(tmp_path, split) for split in ("train", "dev", "test"))
    assert train.class_names == ("faces", "sea horse")
    assert train.texts[:2] == ("faces", "a photo of faces")
    assert train.texts[-2:] == ("sea horse", "a photo of a sea horse")
    # every tenth photo is held out, each once, and none of a thing with one photo
    names = [[photo.name for photo in part.photos] for part in (train, dev, test)]
    assert names[1:] == [["08", "18"], ["09", "19"]]
    assert len({name for part in names for name in part}) == 21
    assert train.classes.tolist() == [0] + [1] * 16
    assert len(set(train.identities)) == 2
    with pytest.raises(ValueError, match="must be one of"):
        read_named(tmp_path, "val")


def test_wordnets_numbers_have_names(tmp_path):
    photos(tmp_path / "train" / "n01443537" / "images", *map(str, range(MOST_PHOTOS + 5)))
    photos(tmp_path / "train" / "n02124075" / "images", "cat")
    photos(tmp_path / "flat", "n01443537_goldfish", "n00000001_ice_bear")
    words = ["n01443537\tgoldfish, Carassius auratus", "n02124075\tEgyptian cat", "n1\tthing"]
    (tmp_path / "words.txt").write_text("\n".join(words), encoding="utf-8")
    many = read_named(tmp_path / "train", "train")
    assert many.class_names == ("egyptian cat", "goldfish")
    assert len(many.photos) == 1 + MOST_PHOTOS * 8 // 10
    flat = read_named(tmp_path / "flat", "train")
    assert flat.class_names == ("goldfish", "ice bear")
    with pytest.raises(FileNotFoundError, match="no photos of things for the part 'test'"):
        read_named(tmp_path / "flat", "test")


def test_names_come_in_sentences(tmp_path):
    photos(tmp_path / "owl", *map(str, range(4)))
    data = read_named(tmp_path, "train")
    rows = np.zeros((4, 10, 2), np.float16)
    tokens, told = SubwordTokenizer(["owl", "photo"], 64), np.ones((8, LENGTH), np.float16)
    plain = Pairs(data, tokens, [rows], told)
    framed = replace(plain, names=names_alone(data))
    lengths, known = [], []
    for seed in range(20):
        _, pieces, ids, _, vectors = framed.draw(4, seed)
        lengths += (pieces[..., 0] > 0).sum(1).tolist()
        known += vectors.any(1).tolist()
        assert len(set(ids.tolist())) == 1
    assert {1, 5} < set(lengths)  # alone, of a photo, and in sentences
    # what a sentence says beside the name is nothing that the teacher knows
    assert all(told for length, told in zip(lengths, known, strict=True) if length == 1)
    assert 0.55 < np.mean(known) < 0.95
    assert set(plain.draw(4, 0)[4].any(1).tolist()) == {True}


def test_names_as_people_write_them():
    assert say("glass") == ("glass", "a photo of a glass")
    assert say("octopus") == ("octopus", "a photo of an octopus")
    assert say("trees")[1] == "a photo of trees"


def test_nouns(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"data\.noun is missing"):
        read_nouns(tmp_path)
    lines = [
        "  1 a licence",
        '00000001 05 n 02 dog 0 Canis_familiaris 0 000 | a member of the genus Canis; "the dog barked"',
        "00000002 06 n 01 fire_engine 0 000 | a fire engine that a dog follows",
        "00000003 04 n 01 running 0 000 | dog fire engine dog fire engine",  # an act cannot be seen
        "00000004 20 n 01 quaking_aspen 0 000 | an aspen",
    ]
    (tmp_path / "data.noun").write_text("\n".join(lines), encoding="utf-8")
    assert read_nouns(tmp_path) == (
        "dog",
        "a photo of a dog",
        "dog, a member of the genus Canis",
        "fire engine",
        "a photo of a fire engine",
        "fire engine, a fire engine that a dog follows",
    )


def test_a_set_that_is_broken_is_not_taken_for_one_without_the_part(color_folder, tmp_path):
    photos(tmp_path / "things" / "owl", "one")
    sets = [("flickr8k", color_folder), ("named", tmp_path / "things")]
    assert len(read_held_out(sets)) == 1
    broken = shutil.copytree(color_folder, tmp_path / "broken")
    (broken / "dev.zip").unlink()
    with pytest.raises(FileNotFoundError, match="lacks 4 photos"):
        read_held_out([*sets, ("flickr8k", broken)])


def test_material_of_several_sets(color_folder, tmp_path):
    photos(tmp_path / "things" / "owl", *map(str, range(10)))
    photos(tmp_path / "things" / "oak", "tree")
    photos(tmp_path / "more" / "owl", "bird")
    folders = [f"named={tmp_path / name}" for name in ("things", "more")]
    line = ["--data", f"flickr8k={color_folder}", *folders, "--out", "x", "--cache", "x"]
    plain, shared = (
        read_training_data(arguments().parse_args([*line, *end])) for end in ([], ["--share", "0.4"])
    )
    assert [name.rpartition("-")[2] for name in plain.names] == ["flickr8k", "things", "more"]
    with pytest.raises(SystemExit, match="needs classes"):
        read_training_data(
            arguments().parse_args([*line[:2], f"flickr8k={color_folder}", *line[-4:], "--share", "0.4"])
        )
    assert (plain.chances, plain.sentences) == (None, ())
    assert [len(part.photos) for part in plain.held_out] == [4, 1]
    assert len(plain.data.photos) == 8 + 9 + 1
    chances = shared.chances
    assert chances.sum() == pytest.approx(1)
    assert chances[:8].sum() == pytest.approx(0.6)
    # oak, which one photo shows, is drawn as often as all eight of the owl, and the owl of the other set
    oak, owls, bird = chances[8], chances[9:-1], chances[-1]
    assert oak == pytest.approx(owls.sum())
    assert oak == pytest.approx(bird)


def test_new_words_change_nothing_at_first():
    settings = {
        "heads": ["plain"],
        "words": ["a", "dog"],
        "buckets": 64,
        "width": 8,
        "features": 8,
        "hidden": 4,
    }
    old = JointSpace(**settings).eval()
    new, grown = extend_vocabulary(old, settings, ["dog", "astronaut", "comet"], 3)
    assert grown["words"] == ["a", "dog", "astronaut"]
    assert settings["words"] == ["a", "dog"]
    texts = ["a dog", "an astronaut", "a cat"]
    before, after = (torch.from_numpy(SubwordTokenizer(one["words"], 64)(texts)) for one in (settings, grown))
    assert after.shape[2] == before.shape[2] + 1  # a row of its own
    with torch.no_grad():
        assert np.allclose(old.text(before), new.text(after), atol=1e-5)
    assert extend_vocabulary(old, settings, ["cat"], 1)[1]["words"] == settings["words"]


def test_a_space_learns_new_names(color_folder, base_folder, tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    monkeypatch.setattr(
        "shared.crossmodal.train.teacher_vectors",
        lambda texts, path: np.stack([_vector(text) for text in texts]),
    )
    colors = {"purple": (150, 20, 160), "orange": (250, 150, 20)}
    for name, color in colors.items():
        folder = tmp_path / "things" / name
        folder.mkdir(parents=True)
        for number in range(12):
            noise = rng.normal(0, 12, (24, 24, 3)) + color
            Image.fromarray(noise.clip(0, 255).astype(np.uint8)).save(folder / f"{number:02}.png")
    noun = "00000001 05 n 01 violet 0 000 | a purple violet that is violet, as violet as purple is purple"
    (tmp_path / "data.noun").write_text(noun, encoding="utf-8")
    small = [
        "--width",
        "16",
        "--features",
        "16",
        "--hidden",
        "8",
        "--buckets",
        "512",
        "--batch",
        "8",
        "--heads",
        "rrf",
        "--rate",
        "0.02",
    ]
    given = ["--base", str(base_folder), "--cache", str(tmp_path / "cache"), *small]
    data = ["--data", f"flickr8k={color_folder}"]
    steps = [
        "--warm-steps",
        "150",
        "--steps",
        "0",
        "--tune-steps",
        "1",
        "--tune-size",
        "64",
        "--tune-batch",
        "4",
    ]
    first = main([*data, *given, *steps, "--out", str(tmp_path / "first")])
    more = [
        "--distil",
        "1",
        "--share",
        "0.5",
        "--words",
        "100",
        "--validate-every",
        "50",
        "--settle-warm",
        "250",
        "--settle-steps",
        "5",
    ]
    more += ["--keep", "0.1", "--start-share", "0", "--start", str(first), "--nouns", str(tmp_path)]
    folder = main([*data, f"named={tmp_path / 'things'}", *given, *more, "--out", str(tmp_path / "more")])
    space = JointSpaceEmbedder.load(ENGINES["rrf"], folder=folder)
    assert {"red", "purple", "orange", "violet"} <= set(space.config["words"])
    photos = [photo.image() for photo in read_named(tmp_path / "things", "test").photos]
    photos += [photo.image() for photo in read_flickr8k(color_folder, "test").photos[:4]]
    pictures = space.pictures(np.stack([one["picture"] for one in space.describe(photos)]), "rrf")
    texts = ["an orange", "a photo of purple", "a red wall", "green", "it is blue", "white"]
    scores = pictures @ space.texts(texts, "rrf").T
    assert (np.diag(scores)[:2] > scores[[0, 1], [1, 0]] + 0.1).all()
    # How well so small a space learns depends on the machine's rounding; by chance the sum would be 15.
    ranks = (scores > np.diag(scores)[:, None]).sum(1)
    assert ranks.sum() <= 7, ranks


def _vector(text):
    """A vector of length 1 that is as the words of a text are."""
    words = [np.random.default_rng(sum(map(ord, word))).normal(size=LENGTH) for word in text.split()]
    whole = np.sum(words, 0)
    return (whole / np.linalg.norm(whole)).astype(np.float16)


def test_what_a_space_knew_is_kept():
    torch.manual_seed(0)
    space = JointSpace(["rrf", "cyclematch"], buckets=16, features=8, width=8, hidden=4, embedding=8).eval()
    pupil = Student(copy.deepcopy(space)).eval()
    rows, pieces = torch.randn(3, 10, 1280), torch.randint(1, 10, (6, 2, 3))
    batch = (rows, pieces, torch.tensor([0, 0, 1, 1, 2, 2]), None, None)

    def moved(familiar):
        zero = partial(retain_embeddings, loss=lambda pupil, batch: torch.zeros(()), weight=2.0)
        with torch.no_grad():
            return float(zero(pupil, batch, before=space, familiar=familiar))

    assert moved(3) == pytest.approx(0, abs=1e-5)
    with torch.no_grad():
        pupil.space.text.pieces.weight[pieces[4:].unique()] += 1  # what the third picture's texts read
        pupil.space.text.pieces.weight[pieces[:4].unique()] -= 1
    assert moved(3) > 0.01
    old = moved(2)
    batch[1][4:] = 0  # unknown pairs may become anything
    batch[1][4:, :, 0] = 11
    assert moved(2) == pytest.approx(old)
