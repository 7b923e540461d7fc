"""Training of the fusion on a frozen backbone: cached maps, targets, start, and the command."""

import pytest
import torch
from PIL import Image

from shared.core import weights
from shared.core.image_files import read_images
from shared.networks.cfn import CFN
from shared.recognition import train
from shared.recognition.training.frozen_fusion import (
    FusionExamples,
    compute_branches,
    extract_examples,
    fusion_loss,
    sample_batch,
    score_branches,
    shrink_fusion,
    start_fusion,
)
from tests.predictors import with_random_weights

SIZE = 64
VIEWS = ((1.0, 1.0, False), (1.0, 0.8, True))


@pytest.fixture(scope="module")
def network():
    return with_random_weights(CFN(), seed=4)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Two photos named by synsets of classes 388 and 0, and one without."""
    folder = tmp_path_factory.mktemp("named")
    names = ("n02510455_giant_panda", "n01440764_1", "holiday")
    for name, color in zip(names, ("white", "green", "navy"), strict=True):
        image = Image.new("RGB", (90, 70), color)
        image.paste("red", (0, 0, 30, 40))
        image.save(folder / f"{name}.png")
    return folder


@pytest.fixture(scope="module")
def examples(network, photos):
    return extract_examples(network, read_images([photos]), SIZE, VIEWS)


def test_cached_maps_give_the_logits_of_the_network(network, photos, examples):
    from shared.recognition.cfn_backend import CFNBackend

    backend = CFNBackend(network, labels=["x"] * 1000, size=SIZE)
    inputs = torch.cat([backend.preprocess(image.image()) for image in read_images([photos])])
    with torch.inference_mode():
        expected = network.features_and_logits(inputs)
        features = network.fuse(compute_branches(network, examples, batch=2))
        logits = network.classifier(features)
    for actual, tensor in zip((features, logits), expected, strict=True):
        torch.testing.assert_close(actual, tensor, rtol=2e-2, atol=2e-2)  # maps are stored in float16


def test_targets_are_the_sharpened_answers_of_the_teacher(examples):
    assert sorted(examples.labels.tolist()) == [-1, 0, 388]
    targets = examples.targets()
    torch.testing.assert_close(targets.sum(1), torch.ones(3))
    assert torch.equal(targets.argmax(1), examples.teacher.argmax(1))
    assert (targets.amax(1) >= examples.teacher.float().amax(1) - 1e-3).all()


def test_the_start_gives_the_answers_without_fusion(network, examples):
    fused = CFN()
    fused.load_state_dict(network.state_dict())
    parameters = start_fusion(fused)
    assert {id(p) for p in parameters} == {id(p) for p in fused.parameters() if p.requires_grad}
    with torch.inference_mode():
        torch.testing.assert_close(fused.fuse(compute_branches(fused, examples)), examples.main.float())
    fusion_loss(fused, sample_batch(examples, examples.targets(), 4, seed=0)).backward()
    assert fused.fusion.weight.grad.any()
    assert fused.classifier.weight.grad is None
    with pytest.raises(ValueError, match="locally-connected fusion"):
        start_fusion(CFN(fusion="none"))


def test_batches_repeat_and_draw_a_quarter_of_large_maps(examples):
    targets = examples.targets()
    first, second = (sample_batch(examples, targets, 2, seed=7) for _ in range(2))
    assert all(torch.equal(*pair) for pair in zip(first, second, strict=True))
    large = FusionExamples(
        examples.main, (torch.rand(3, 24, 16, 16).half(),), examples.teacher, examples.labels
    )
    assert sample_batch(large, targets, 2, seed=0)[2].shape == (2, 24, 8, 8)


def test_only_labelled_examples_are_scored(network, examples):
    scores = score_branches(network, compute_branches(network, examples), examples.labels)
    assert scores["top1"] in (0, 0.5, 1)
    assert scores["log_likelihood"] < 0


def test_a_share_of_the_trained_fusion_is_chosen(network, examples):
    trained = CFN()
    trained.load_state_dict(network.state_dict())
    share = shrink_fusion(trained, examples, (0.25, 1.0))
    assert share in (0.25, 1.0)
    torch.testing.assert_close(trained.fusion.weight[1:], network.fusion.weight[1:] * share)


def test_the_command_leaves_the_backbone_as_it_is(tmp_path, network, photos):
    start = weights.save(network, tmp_path / "start", quantized=True)
    words = ["fuse", "--start", start, "--images", photos, "--validation", photos, "--out", tmp_path / "run"]
    numbers = ["--steps", 2, "--batch", 2, "--size", SIZE, "--validate-every", 1]
    arguments = train.build_parser().parse_args([str(word) for word in [*words, *numbers]])
    arguments.run(arguments)
    before = weights.load(CFN, "start", folder=start).state_dict()
    after = weights.load(CFN, "run", folder=tmp_path / "run" / "weights").state_dict()
    for name, value in before.items():
        if name.startswith(("base.", "head.", "classifier.")):
            assert torch.equal(value, after[name]), name
    assert not torch.equal(before["fusion.weight"], after["fusion.weight"])
    assert (tmp_path / "run" / "images.pt").exists()
