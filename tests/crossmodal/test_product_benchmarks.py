"""Benchmarks of JMC: products, single tasks against both, and transfer between data sets."""

import pytest
import torch
from PIL import Image

from shared.core import weights
from shared.crossmodal.benchmark import main as benchmark
from shared.crossmodal.benchmarks.product_metrics import remove_class_names, text_variants
from shared.crossmodal.data.datasets import read_grocery_texts
from shared.networks.crossmodal.joint import JointSpace
from tests.crossmodal.colors import COLORS
from tests.crossmodal.product_data import striped_image
from tests.crossmodal.training_options import SMALL_PRODUCTS

pytestmark = pytest.mark.usefixtures("one_core")


def test_joint_benchmark_of_products_and_outliers(
    jmc_folder, wall_folder, stripe_folder, recognition_folder, tmp_path
):
    options = ["joint", "--data", str(wall_folder), "--weights", str(jmc_folder)]
    options += ["--recognition", str(recognition_folder)]
    report = benchmark([*options, "--outliers", str(stripe_folder)])
    metrics = report.metrics
    assert set(metrics) == {"pictures", "all words", "names hidden", "sort", "others"}
    assert metrics["pictures"]["t2i_mAP"] > 0.9
    assert metrics["all words"]["top1_both"] == 1
    # "wall" stands for three of four classes.
    assert metrics["sort"]["top1_text"] <= 0.5 <= metrics["sort"]["top1_both"]
    assert metrics["others"]["rejected_both"] > 0.5
    assert metrics["others"]["accepted_image"] > 0.5
    assert 0 <= metrics["pictures"]["calibration_error"] < 0.5
    # Outliers may be images without texts.
    striped_image(1).save(tmp_path / "stripes.png")
    limited = benchmark([*options, "--outliers", str(tmp_path), "--limit", "4"])
    assert (limited.items, limited.available) == (4, 8)
    assert set(limited.metrics["others"]) >= {"rejected_image", "accepted_text"}
    assert "rejected_text" not in limited.metrics["others"]


def test_tasks_benchmark_drops_the_metrics_of_untrained_tasks(
    wall_folder, stripe_folder, recognition_folder, tmp_path
):
    data = ["--data", str(wall_folder), "--outliers", str(stripe_folder)]
    folders = ["--recognition", str(recognition_folder), "--cache", str(tmp_path / "cache")]
    training = [*SMALL_PRODUCTS, "--steps", "12", "4", "8", "--validate-every", "12", "--rate", "0.02"]
    out = tmp_path / "runs"
    report = benchmark(["tasks", *data, *folders, "--out", str(out), "--seeds", "2", *training])
    joint, matching, classification = report.metrics.values()
    assert set(joint) == set(matching) | set(classification)
    assert set(matching) & set(classification) == {"sd"}
    assert {"i2t_R@1", "t2i_mAP"} < set(matching)
    assert {"top1_image", "top1_text, names hidden", "top1_both, sort"} < set(classification)
    assert (out / "classification-1" / "weights").is_dir()


@pytest.fixture
def spaces(jmc_folder, recognition_folder, tmp_path):
    """Options with an untrained joint space and JMC."""
    torch.manual_seed(0)
    space = JointSpace(("plain", "rrf"), buckets=64, features=8, width=8, hidden=4, embedding=8)
    config = {"network": weights.read_config(jmc_folder)["network"], "words": [], "buckets": 64}
    folder = weights.save(space, tmp_path / "untrained", config=config)
    return [
        *["--weights", str(folder), "--jmc", str(jmc_folder)],
        *["--recognition", str(recognition_folder)],
    ]


def test_generalise_benchmark_compares_all_engines_on_each_data_set(
    spaces, color_folder, wall_folder, tmp_path
):
    options = ["generalise", "--data", str(color_folder), "--grocery", str(wall_folder), *spaces]
    metrics = benchmark(options).metrics
    engines = ("chance", "ensemble", "plain", "rrf", "jmc")
    rows = [f"{data}, {engine}" for data in ("Flickr8k", "Grocery Store") for engine in engines]
    assert list(metrics) == rows
    assert metrics["Grocery Store, jmc"]["top1_names"] == 1
    assert metrics["Grocery Store, jmc"]["t2i_mAP"] > metrics["Grocery Store, chance"]["t2i_mAP"]
    # The same colors in different words.
    assert metrics["Flickr8k, jmc"]["i2t_R@1"] > metrics["Flickr8k, chance"]["i2t_R@1"]
    with pytest.raises(SystemExit):
        benchmark([*options, "--recognition", str(tmp_path / "nothing")])


def test_generalise_benchmark_reads_images_by_name(spaces, color_folder, tmp_path):
    folder = tmp_path / "things"
    for name, color in COLORS.items():
        (folder / name).mkdir(parents=True)
        for number in range(10):
            Image.new("RGB", (24, 24), color).save(folder / name / f"{number}.png")
    metrics = benchmark(["generalise", "--data", str(color_folder), "--named", str(folder), *spaces]).metrics
    assert metrics["things in things, chance"]["top1_names"] == 0.25
    assert metrics["things in things, jmc"]["top1_names"] >= 0.75


def test_text_variants_say_less_about_a_product(wall_folder):
    variants = text_variants(read_grocery_texts(wall_folder, "test"), wall_folder)
    assert variants["all words"][0] == "It is red, a wall of snow."
    assert variants["names hidden"][0] == "it is of snow"
    assert [variants["sort"][index] for index in (0, 3)] == ["wall", "pale wall"]


def test_words_of_class_names_are_removed_in_every_inflection():
    assert remove_class_names("Nike T-Shirts for men", ["Shirts"]) == "nike for men"
    assert remove_class_names("", ["Shirts"]) == ""
