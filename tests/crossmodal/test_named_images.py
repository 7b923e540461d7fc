"""Images of things with their names, WordNet's nouns, and training data of several data sets."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from shared.crossmodal.data.named_images import (
    MAX_IMAGES,
    bare_name_mask,
    name_texts,
    read_named_images,
    read_wordnet_nouns,
)
from shared.crossmodal.data.training_data import read_held_out, read_training_data
from shared.crossmodal.text.tokenizer import SubwordTokenizer
from shared.crossmodal.training.batches import PairSampler
from shared.crossmodal.training.teacher import TEACHER_DIM


def write_images(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        Image.new("RGB", (4, 4)).save(folder / f"{name}.png")


def test_the_folder_of_an_image_is_its_name(tmp_path):
    write_images(tmp_path / "sea_horse", *(f"{number:02}" for number in range(20)))
    write_images(tmp_path / "Faces_easy", "face")
    write_images(tmp_path / "BACKGROUND_Google", "clutter")
    train = read_named_images(tmp_path, "train")
    assert train.class_names == ("faces", "sea horse")
    assert train.texts[:2] == ("faces", "a photo of faces")
    assert train.texts[-2:] == ("sea horse", "a photo of a sea horse")
    assert train.classes.tolist() == [0] + [1] * 16
    assert len(set(train.identities)) == 2


def test_one_image_in_ten_is_held_out_for_each_split(tmp_path):
    write_images(tmp_path / "sea_horse", *(f"{number:02}" for number in range(20)))
    write_images(tmp_path / "Faces_easy", "face")
    train, dev, test = (
        [image.name for image in read_named_images(tmp_path, split).images]
        for split in ("train", "dev", "test")
    )
    assert (dev, test) == (["08", "18"], ["09", "19"])
    assert len({*train, *dev, *test}) == len(train) + 4 == 21
    with pytest.raises(ValueError, match="must be one of"):
        read_named_images(tmp_path, "val")


def test_ids_of_wordnet_are_mapped_to_names(tmp_path):
    write_images(tmp_path / "train" / "n01443537" / "images", *map(str, range(MAX_IMAGES + 5)))
    write_images(tmp_path / "train" / "n02124075" / "images", "cat")
    write_images(tmp_path / "flat", "n01443537_goldfish", "n00000001_ice_bear")
    names = ["n01443537\tgoldfish, Carassius auratus", "n02124075\tEgyptian cat", "n1\tthing"]
    (tmp_path / "words.txt").write_text("\n".join(names), encoding="utf-8")
    nested = read_named_images(tmp_path / "train", "train")
    assert nested.class_names == ("egyptian cat", "goldfish")
    assert len(nested.images) == 1 + MAX_IMAGES * 8 // 10
    flat = read_named_images(tmp_path / "flat", "train")
    assert flat.class_names == ("goldfish", "ice bear")
    with pytest.raises(FileNotFoundError, match="no images of things for the split 'test'"):
        read_named_images(tmp_path / "flat", "test")


@pytest.mark.parametrize(
    ("name", "phrase"),
    [
        ("glass", "a photo of a glass"),
        ("octopus", "a photo of an octopus"),
        ("trees", "a photo of trees"),
    ],
)
def test_a_name_has_its_article(name, phrase):
    assert name_texts(name) == (name, phrase)


def test_bare_names_are_put_into_captions_without_a_teacher(tmp_path):
    write_images(tmp_path / "owl", *map(str, range(4)))
    data = read_named_images(tmp_path, "train")
    tokenizer = SubwordTokenizer(["owl", "photo"], 64)
    teacher = np.ones((8, TEACHER_DIM), np.float16)
    plain = PairSampler(data, tokenizer, [np.zeros((4, 10, 2), np.float16)], teacher)
    sampler = replace(plain, bare_names=bare_name_mask(data))
    lengths, taught = [], []
    for seed in range(20):
        _, subword_ids, ids, _, vectors = sampler.draw(4, seed)
        lengths += (subword_ids[..., 0] > 0).sum(1).tolist()
        taught += vectors.any(1).tolist()
        assert len(set(ids.tolist())) == 1
    assert {1, 5} < set(lengths)  # the name alone, "a photo of an owl", and captions
    # The teacher knows nothing of the other words of a caption.
    assert all(is_taught for length, is_taught in zip(lengths, taught, strict=True) if length == 1)
    assert 0.55 < np.mean(taught) < 0.95
    assert set(plain.draw(4, 0)[4].any(1).tolist()) == {True}


def test_nouns_for_visible_things_are_read_with_their_definitions(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"data\.noun is missing"):
        read_wordnet_nouns(tmp_path)
    lines = [
        "  1 a licence",
        '00000001 05 n 02 dog 0 Canis_familiaris 0 000 | a member of the genus Canis; "the dog barked"',
        "00000002 06 n 01 fire_engine 0 000 | a fire engine that a dog follows",
        "00000003 04 n 01 running 0 000 | dog fire engine dog fire engine",  # an act is not visible
        "00000004 20 n 01 quaking_aspen 0 000 | an aspen",  # a rare word
    ]
    (tmp_path / "data.noun").write_text("\n".join(lines), encoding="utf-8")
    assert read_wordnet_nouns(tmp_path) == (
        "dog",
        "a photo of a dog",
        "dog, a member of the genus Canis",
        "fire engine",
        "a photo of a fire engine",
        "fire engine, a fire engine that a dog follows",
    )


def test_a_damaged_data_set_is_not_one_without_the_split(color_folder, tmp_path):
    write_images(tmp_path / "things" / "owl", "owl")
    sources = [("flickr8k", color_folder), ("named", tmp_path / "things")]
    assert len(read_held_out(sources)) == 1
    damaged = shutil.copytree(color_folder, tmp_path / "damaged")
    (damaged / "dev.zip").unlink()
    with pytest.raises(FileNotFoundError, match="lacks 4 images"):
        read_held_out([*sources, ("flickr8k", damaged)])


@pytest.fixture
def sources(color_folder, tmp_path):
    """Flickr8k with eight images; ten owls and an oak; and an owl in a folder of the same name."""
    write_images(tmp_path / "things" / "owl", *map(str, range(10)))
    write_images(tmp_path / "things" / "oak", "tree")
    write_images(tmp_path / "birds" / "owl", "bird")
    return [("flickr8k", color_folder), *(("named", tmp_path / name) for name in ("things", "birds"))]


def test_several_data_sets_are_joined(sources):
    data = read_training_data(sources)
    assert [name.rpartition("-")[2] for name in data.names] == ["flickr8k", "things", "birds"]
    assert (data.sampling, data.sentences) == (None, ())
    assert [len(part.images) for part in data.held_out] == [4, 1]
    assert len(data.data.images) == 8 + 9 + 1


def test_classes_share_the_draws_of_extra_data_sets_equally(sources):
    sampling = read_training_data(sources, extra_share=0.4).sampling
    assert sampling.sum() == pytest.approx(1)
    assert sampling[:8].sum() == pytest.approx(0.6)
    # The one image of the oak counts as much as all eight of an owl.
    oak, owls, bird = sampling[8], sampling[9:-1], sampling[-1]
    assert oak == pytest.approx(owls.sum())
    assert oak == pytest.approx(bird)


def test_a_share_for_a_data_set_without_classes_is_an_error(color_folder):
    with pytest.raises(SystemExit, match="needs classes"):
        read_training_data([("flickr8k", color_folder)] * 2, extra_share=0.4)
