"""JMC on colored walls: training, its classifier, its benchmark."""

import csv
import math
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from shared.crossmodal.products.products import NEITHER, remove_class_names, text_variants

from shared.core import weights
from shared.core.errors import InputError
from shared.core.images import ImageError
from shared.crossmodal.benchmark import main as benchmark
from shared.crossmodal.data.datasets import read_flickr8k, read_grocery_texts
from shared.crossmodal.embedders.joint_space import JointSpaceEmbedder
from shared.crossmodal.engines import CLASSIFIERS
from shared.crossmodal.products.joint_classifier import JointClassifier
from shared.crossmodal.train_jmc import ProductTraining, arguments, main
from shared.crossmodal.training.objectives import Student, product_loss
from shared.networks.joint import JointSpace
from tests.crossmodal.conftest import COLORS

pytestmark = pytest.mark.usefixtures("one_core")

SMALL = ["--width", "16", "--features", "16", "--hidden", "8", "--embedding", "16", "--buckets", "256"]
STEPS = ["--steps", "90", "90", "180", "--batch", "8", "--validate-every", "60", "--rate", "0.02"]
NAMES = ["Red-Wall", "Green-Wall", "Blue-Wall", "White-Wall"]


def striped(number):
    """What is no wall."""
    rows = np.random.default_rng(number).integers(0, 2, (12, 1, 1)).repeat(2, 0).repeat(24, 1).repeat(3, 2)
    return Image.fromarray((255 * rows).astype(np.uint8))


def store(archive, name, picture):
    with archive.open(name, "w") as file:
        picture.save(file, "PNG")


@pytest.fixture(scope="session")
def walls(tmp_path_factory, color_folder):
    """The walls in the layout of the Grocery Store set."""
    folder = tmp_path_factory.mktemp("walls")
    rows = [("file", "class_id", "class", "split")]
    with zipfile.ZipFile(folder / "images-0.zip", "w") as archive:
        for own, split in (("train", "train"), ("dev", "val"), ("test", "test")):
            for number, photo in enumerate(read_flickr8k(color_folder, own).photos):
                store(archive, f"{split}/{number}.png", photo.image())
                rows.append((f"{split}/{number}.png", number % 4, "", split))
    classes = [("class_id", "class", "coarse", "description")]
    for number, name in enumerate(NAMES):
        color = name.partition("-")[0].lower()
        sort = "Pale-Wall" if number == 3 else "Wall"
        stuff = ("snow", "brick", "stone", "moss")[number]
        classes.append((number, name, sort, f"It is {color}, a wall of {stuff}."))
    for name, content in (("labels.csv", rows), ("classes.csv", classes)):
        with (folder / name).open("w", newline="") as file:
            csv.writer(file).writerows(content)
    return folder


@pytest.fixture(scope="session")
def stripes(tmp_path_factory):
    """What is no wall, in the layout of Flickr8k."""
    folder = tmp_path_factory.mktemp("stripes")
    lines = ["image\tsplit\t" + "\t".join(f"caption{number}" for number in range(1, 6))]
    with zipfile.ZipFile(folder / "all.zip", "w") as archive:
        for number in range(18):
            split = ("train", "dev", "test")[number % 3]
            store(archive, f"{number}.png", striped(number))
            words = ("some stripes", "zebra", "a dog runs", "striped thing", "people on a road")
            lines.append("\t".join([str(number), split, *words]))
    (folder / "captions.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def given(walls, stripes, base_folder, tmp_path_factory):
    """What every run is given, but for its folder."""
    cache = tmp_path_factory.mktemp("rows")
    data = ["--data", f"grocery={walls}", "--others", f"flickr8k={stripes}"]
    return [*data, "--base", str(base_folder), "--cache", str(cache), *SMALL, *STEPS]


@pytest.fixture(scope="session")
def jmc(given, tmp_path_factory):
    return main([*given, "--out", str(tmp_path_factory.mktemp("jmc"))])


@pytest.fixture(scope="session")
def classifier(jmc, base_folder):
    return JointClassifier.load(folder=jmc, base=base_folder)


def wall(color):
    return Image.new("RGB", (30, 20), COLORS[color])


def test_it_tells_walls_by_picture_words_and_both(classifier):
    assert classifier.labels == tuple(name.replace("-", " ") for name in NAMES)
    assert set(classifier.groups) == {"grocery"}
    for color in COLORS:
        told = classifier(wall(color), f"it is {color}", count=2)
        for answer in (told.both, told.picture, told.words):
            assert answer.best.label == f"{color.capitalize()} Wall"
            assert answer.known == (answer.fits >= 0.5)
            assert len(answer.candidates) == 2
            assert answer.candidates[0].probability >= answer.candidates[1].probability
        assert told.together
        assert told.answer is told.both
        # both parts lead from even chances to what both say
        bits = math.log2(told.both.best.probability * 4)
        assert told.picture_part + told.words_part == pytest.approx(bits, abs=1e-4)


def test_one_side_may_be_missing(classifier):
    alone = classifier(wall("red"))
    assert alone.answer is alone.picture
    assert (alone.both, alone.words, alone.match, alone.picture_part, alone.together) == (None,) * 5
    words = classifier(text="a blue wall")
    assert words.answer is words.words
    assert words.answer.best.label == "Blue Wall"
    nothing = classifier(wall("red"), " ... ", count=4)  # no word in it
    assert nothing.words is None
    in_all = sum(one.probability for one in nothing.answer.candidates)
    assert in_all == pytest.approx(nothing.answer.fits, abs=1e-5)


def test_what_does_not_belong_together_is_told(classifier):
    right, wrong = (classifier(wall("red"), text) for text in ("it is red", "it is blue"))
    assert right.match > 0.5 > wrong.match
    assert wrong.together is False
    assert right.score > wrong.score


def test_what_is_no_product_is_told(classifier):
    walls = [classifier(wall(color), f"it is {color}").both.fits for color in COLORS]
    others = [classifier(striped(number), "people on a road").both.fits for number in range(50, 54)]
    assert np.mean(walls) > 0.5 > np.mean(others)


@pytest.mark.parametrize("text", ["red " * 3000, "🐶🐶", "כלב לבן", "the of and", "x" * 10_000])
def test_any_text_will_do(classifier, text):
    told = classifier(wall("green"), text)
    assert 0 <= told.match <= 1
    assert 0 <= told.both.fits <= 1


def test_what_cannot_be_used_is_refused(classifier, jmc, base_folder, tmp_path):
    for text in ("", None, "?!"):
        with pytest.raises(InputError, match="Give a picture, some words, or both"):
            classifier(None, text)
    with pytest.raises(ImageError):
        classifier(b"no picture", "red")
    for count in (0, -1, 1.5):
        with pytest.raises(ValueError, match="at least 1"):
            classifier(text="red", count=count)
    with pytest.raises(ValueError, match="must be one of jmc"):
        JointClassifier.load("other")
    space = JointSpaceEmbedder.load(CLASSIFIERS["jmc"], folder=jmc, base=base_folder)
    space.config.pop("class_names")
    with pytest.raises(weights.WeightsError, match="do not say what their classes are"):
        JointClassifier("jmc", space)


def test_many_threads_get_the_answers_of_one(classifier):
    asked = [(wall(color), f"it is {color}") for color in COLORS] * 3
    alone = [classifier(*one).both.best for one in asked]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda one: classifier(*one).both.best, asked))
    assert [one.label for one in found] == [one.label for one in alone]
    assert np.allclose([one.probability for one in found], [one.probability for one in alone], atol=1e-5)


def test_sets_go_by_their_classes_not_by_their_names(jmc, base_folder):
    space = JointSpaceEmbedder.load(CLASSIFIERS["jmc"], folder=jmc, base=base_folder)
    space.config["sets"] = {"a": [1, 4], "z": [0, 1]}  # as `config.json` has them, whatever their classes
    assert JointClassifier("jmc", space).groups == ("z", "a", "a", "a")


def test_weights_say_what_they_know(jmc):
    config = weights.read_config(jmc)
    assert config["class_names"][-1] == NEITHER
    assert config["sets"] == {"grocery": [0, 4]}
    assert set(config["temperatures"]) == set(config["fits"]) == {"both", "picture", "words"}
    assert config["calibration"]["jmc"][0] > 0


def test_probabilities_are_calibrated(jmc, base_folder):
    space = JointSpaceEmbedder.load(CLASSIFIERS["jmc"], folder=jmc, base=base_folder)
    told = JointClassifier("jmc", space)(wall("red")).picture
    space.config["fits"]["picture"] = [0.0, -1.0986]  # a quarter, whatever the picture
    space.config["temperatures"]["picture"] = 1e6
    even = JointClassifier("jmc", space)(wall("red")).picture
    assert even.fits == pytest.approx(0.25, abs=1e-3)
    assert even.best.probability == pytest.approx(0.25 / 4, abs=1e-3)
    assert told.best.probability / told.fits > 0.5 > even.best.probability / even.fits
    assert not even.known


def test_benchmark(jmc, walls, stripes, base_folder, tmp_path):
    options = ["joint", "--data", str(walls), "--weights", str(jmc), "--base", str(base_folder)]
    report = benchmark([*options, "--others", str(stripes)])
    assert set(report.metrics) == {"pictures", "all words", "names hidden", "sort", "others"}
    assert report.metrics["pictures"]["t2i_mAP"] > 0.9
    assert report.metrics["all words"]["top1_both"] == 1
    # "wall" alone is three of four classes
    assert report.metrics["sort"]["top1_text"] <= 0.5 <= report.metrics["sort"]["top1_both"]
    assert report.metrics["others"]["rejected_both"] > 0.5
    assert report.metrics["others"]["accepted_image"] > 0.5
    assert 0 <= report.metrics["pictures"]["calibration_error"] < 0.5
    striped(1).save(tmp_path / "one.png")
    few = benchmark([*options, "--others", str(tmp_path), "--limit", "4"])
    assert (few.items, few.available) == (4, 8)
    assert set(few.metrics["others"]) >= {"rejected_image", "accepted_text"}
    assert "rejected_text" not in few.metrics["others"]


def test_comparison_of_tasks(given, walls, stripes, base_folder, tmp_path):
    sets = ["tasks", "--data", str(walls), "--others", str(stripes), "--base", str(base_folder)]
    folders = ["--cache", given[given.index("--cache") + 1], "--out", str(tmp_path)]
    rest = [*SMALL, *STEPS, "--steps", "12", "4", "8", "--validate-every", "12"]
    report = benchmark([*sets, *folders, "--seeds", "2", *rest])
    both, matching, classification = report.metrics.values()
    assert set(both) == set(matching) | set(classification)
    assert set(matching) & set(classification) == {"sd"}
    assert {"i2t_R@1", "t2i_mAP"} < set(matching)
    assert {"top1_image", "top1_text, names hidden", "top1_both, sort"} < set(classification)
    assert (tmp_path / "classification-1" / "weights").is_dir()


def test_generalisation(jmc, walls, color_folder, base_folder, tmp_path):
    """A joint space that has learned nothing, and JMC, on sets of both kinds."""
    torch.manual_seed(0)
    plain = JointSpace(("plain", "rrf"), buckets=64, features=8, width=8, hidden=4, embedding=8)
    config = {"network": weights.read_config(jmc)["network"], "words": [], "buckets": 64}
    folder = weights.save(plain, tmp_path, config=config)
    sets = ["--data", str(color_folder), "--grocery", str(walls)]
    options = ["--weights", str(folder), "--jmc", str(jmc), "--base", str(base_folder)]
    metrics = benchmark(["generalise", *sets, *options]).metrics
    engines = ("chance", "ensemble", "plain", "rrf", "jmc")
    assert list(metrics) == [f"{name}, {one}" for name in ("Flickr8k", "Grocery Store") for one in engines]
    assert metrics["Grocery Store, jmc"]["top1_names"] == 1
    assert metrics["Grocery Store, jmc"]["t2i_mAP"] > metrics["Grocery Store, chance"]["t2i_mAP"]
    things = tmp_path / "things"
    for name, color in COLORS.items():
        (things / name).mkdir(parents=True)
        for number in range(10):
            Image.new("RGB", (24, 24), color).save(things / name / f"{number}.png")
    named = benchmark(["generalise", "--data", str(color_folder), "--named", str(things), *options]).metrics
    assert named["things in things, chance"]["top1_names"] == 0.25
    assert named["things in things, jmc"]["top1_names"] >= 0.75
    # the same colors, in other words
    assert metrics["Flickr8k, jmc"]["i2t_R@1"] > metrics["Flickr8k, chance"]["i2t_R@1"]
    with pytest.raises(SystemExit):
        benchmark(["generalise", *sets, *options[:-1], str(tmp_path / "nothing")])


def test_words_that_say_less(walls):
    data = read_grocery_texts(walls, "test")
    kinds = text_variants(data, walls)
    assert kinds["all words"][0] == "It is red, a wall of snow."
    assert kinds["names hidden"][0] == "it is of snow"
    assert [kinds["sort"][place] for place in (0, 3)] == ["wall", "pale wall"]
    assert remove_class_names("Nike T-Shirts for men", ["Shirts"]) == "nike for men"
    assert remove_class_names("", ["Shirts"]) == ""


def test_a_step_sees_what_it_is_told_to(given, tmp_path):
    run = ProductTraining(arguments().parse_args([*given, "--out", str(tmp_path), "--regions", "2"]))
    seen, *_, others, _ = run.draw(0)
    assert seen.shape[:2] == (8, 3)  # the whole, and two regions
    assert others.shape[:2] == (2, 3)
    assert run.pairs.chances.sum() == pytest.approx(1)
    chances = np.repeat([0.25, 0.0], 4)
    few = replace(run.pairs, chances=chances)
    assert sorted(few.draw(4, 0)[3].tolist()) == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="non-zero"):  # rather than a picture that is to stay out
        few.draw(5, 0)
    short = replace(run.pairs, spans=1.0)
    assert short.draw(8, 0)[1].shape[1] <= 4


def test_each_recipe_learns_its_own_task_alone(given, tmp_path):
    run = ProductTraining(arguments().parse_args([*given, "--out", str(tmp_path)]))
    batch = run.draw(0)
    assert all(torch.equal(one, other) for one, other in zip(batch, run.draw(0), strict=True))

    def moved(**share):
        pupil = Student(JointSpace(**run.settings)).train()
        product_loss(pupil, batch, margin=0.1, hardest=3, **share).backward()
        head = pupil.space.heads["jmc"]
        return [
            any(one.grad is not None and bool(one.grad.any()) for one in head.component_parameters(part))
            for part in ("matching", "classification")
        ]

    assert moved(matching=1, classification=0) == [True, False]
    assert moved(matching=1, classification=1) == [True, True]


def test_others_teach_no_embedding(given, tmp_path):
    run = ProductTraining(arguments().parse_args([*given, "--out", str(tmp_path)]))
    seen, pieces, ids, classes, known, other_seen, other_pieces = run.draw(0)

    def means(other):
        torch.manual_seed(0)
        pupil = Student(JointSpace(**run.settings)).train()
        batch = (seen, pieces, ids, classes, known, other, other_pieces)
        product_loss(pupil, batch, margin=0.1, hardest=3, matching=0, classification=1)
        assert pupil.space.training
        return pupil.space.heads["jmc"].images.layers[1].running_mean.clone()

    assert torch.equal(means(other_seen), means(other_seen + 5))


def test_jmc_needs_classes(given, color_folder, tmp_path):
    rest = given[given.index("--others") :]
    with pytest.raises(SystemExit, match="with classes"):
        main(["--data", f"flickr8k={color_folder}", *rest, "--out", str(tmp_path)])
