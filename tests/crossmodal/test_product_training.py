"""Training of JMC: draws, recipes and outliers."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from shared.crossmodal.train_jmc import main
from shared.crossmodal.training.products.arguments import product_parser
from shared.crossmodal.training.products.objective import ProductMatching
from shared.crossmodal.training.products.training import ProductTraining
from shared.crossmodal.training.student import Student
from shared.networks.crossmodal.joint import JointSpace
from tests.crossmodal.training_options import PRODUCT_STAGES, SMALL_PRODUCTS

pytestmark = pytest.mark.usefixtures("one_core")


@pytest.fixture
def options(product_data, tmp_path):
    return [*product_data, *SMALL_PRODUCTS, *PRODUCT_STAGES, "--out", str(tmp_path)]


@pytest.fixture
def run(options):
    return ProductTraining(product_parser().parse_args(options))


def new_student(run, seed=0):
    torch.manual_seed(seed)
    return Student(JointSpace(**run.settings)).train()


def test_a_step_draws_the_whole_and_some_regions(options):
    run = ProductTraining(product_parser().parse_args([*options, "--regions", "2"]))
    features, *_, outlier_features, _ = run.draw(0)
    assert features.shape[:2] == (8, 1 + 2)
    assert outlier_features.shape[:2] == (2, 1 + 2)


def test_the_step_alone_decides_the_batch(run):
    batches = zip(run.draw(0), run.draw(0), strict=True)
    assert all(torch.equal(first, second) for first, second in batches)


def test_images_of_no_probability_are_never_drawn(run):
    assert run.pairs.sampling.sum() == pytest.approx(1)
    sampler = replace(run.pairs, sampling=np.repeat([0.25, 0.0], 4))
    assert sorted(sampler.draw(4, 0)[3].tolist()) == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="non-zero"):
        sampler.draw(5, 0)


def test_a_span_has_at_most_four_words(run):
    assert replace(run.pairs, span_rate=1.0).draw(8, 0)[1].shape[1] <= 4


@pytest.mark.parametrize(
    ("classification", "trained"), [(0.0, [True, False]), (1.0, [True, True])], ids=["matching", "joint"]
)
def test_only_the_parameters_of_a_task_in_the_loss_get_gradients(run, classification, trained):
    student = new_student(run)
    objective = ProductMatching(0.1, 3, matching=1.0, classification=classification)
    objective(student, run.draw(0)).backward()
    head = student.space.heads["jmc"]
    gradients = [
        [parameter.grad for parameter in head.component_parameters(task)]
        for task in ("matching", "classification")
    ]
    assert [any(item is not None and bool(item.any()) for item in items) for items in gradients] == trained


def test_outliers_do_not_change_the_statistics_of_embeddings(run):
    *products, outlier_features, outlier_ids = run.draw(0)
    objective = ProductMatching(0.1, 3, matching=0.0, classification=1.0)

    def running_mean(features):
        student = new_student(run)
        objective(student, (*products, features, outlier_ids))
        assert student.space.training
        return student.space.heads["jmc"].images.layers[1].running_mean.clone()

    assert torch.equal(running_mean(outlier_features), running_mean(outlier_features + 5))


def test_a_data_set_without_classes_is_an_error(options, color_folder):
    with pytest.raises(SystemExit, match="with classes"):
        main([*options, "--data", f"flickr8k={color_folder}"])
