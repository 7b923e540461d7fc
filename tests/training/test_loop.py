"""Training loop: it learns, resumes exactly, selects weights, clips gradients."""

import json

import pytest
import torch
from torch import nn

from shared.training.loop import LoopSettings, adamw, cosine_schedule, fit, moving_average


def make_batch(step):
    generator = torch.Generator().manual_seed(step)
    x = torch.randn(16, 3, 1, 1, generator=generator)
    return x, x.sum(1, keepdim=True)


def loss(network, batch):
    return (network(batch[0]) - batch[1]).pow(2).mean()


def run(out, steps, *, stop_at=None):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 1), nn.Dropout(0.1), nn.ReLU(), nn.Conv2d(8, 1, 1))
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)

    def stopping(step):
        if step == stop_at:
            raise KeyboardInterrupt
        return make_batch(step)

    settings = LoopSettings(steps=steps, out=out, checkpoint_every=10, log_every=5, warmup=5, average=0.9)
    return fit(network, optimizer, stopping, loss, settings)


def test_training_learns(tmp_path):
    trained = run(tmp_path, 300)
    assert not trained.training
    assert loss(trained, make_batch(10_000)) < 0.2
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(5, 301, 5))
    assert lines[-1]["loss"] < lines[0]["loss"]


def test_an_interrupted_run_ends_with_the_same_weights(tmp_path):
    whole = run(tmp_path / "whole", 60)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "broken", 60, stop_at=37)
    resumed = run(tmp_path / "broken", 60)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_the_best_validated_weights_are_returned_and_patience_ends_the_run(tmp_path):
    torch.manual_seed(0)
    network = nn.Conv2d(3, 1, 1)
    validated = []

    def validate(averaged):
        validated.append({name: value.clone() for name, value in averaged.state_dict().items()})
        return {"quality": -abs(len(validated) - 2)}

    settings = LoopSettings(steps=100, out=tmp_path, validate_every=10, patience=3, warmup=1, score="quality")
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05)
    trained = fit(network, optimizer, make_batch, loss, settings, validate)
    assert len(validated) == 5
    assert all(torch.equal(value, validated[1][name]) for name, value in trained.state_dict().items())


def test_a_loss_that_is_not_finite_is_an_error(tmp_path):
    network = nn.Conv2d(3, 1, 1)
    settings = LoopSettings(steps=5, out=tmp_path)
    with pytest.raises(FloatingPointError, match="step 0"):
        fit(
            network,
            torch.optim.SGD(network.parameters(), lr=1.0),
            make_batch,
            lambda net, batch: loss(net, batch) * float("inf"),
            settings,
        )


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_a_long_gradient_is_scaled_to_the_largest_norm_and_a_short_one_is_not(tmp_path, scale):
    torch.manual_seed(0)
    network = nn.Conv2d(3, 1, 1)
    before = nn.utils.parameters_to_vector(network.parameters()).detach().clone()
    gradients = torch.autograd.grad(scale * loss(network, make_batch(0)), list(network.parameters()))
    norm = float(torch.cat([gradient.flatten() for gradient in gradients]).norm())
    settings = LoopSettings(steps=1, out=tmp_path, warmup=1, average=None, clip=0.5, log_every=1)
    fit(
        network,
        torch.optim.SGD(network.parameters(), lr=1.0),  # a step is the gradient
        make_batch,
        lambda net, batch: scale * loss(net, batch),
        settings,
    )
    step = before - nn.utils.parameters_to_vector(network.parameters()).detach()
    assert float(step.norm()) == pytest.approx(min(norm, 0.5), rel=1e-3)
    line = json.loads((tmp_path / "log.jsonl").read_text())
    assert line["norm"] == pytest.approx(norm, rel=1e-3, abs=1e-5)  # the log has the norm before


def test_cosine_ends_at_zero():
    assert cosine_schedule(200, steps=200, warmup=10) == pytest.approx(0)
    assert cosine_schedule(0, steps=200, warmup=10) == pytest.approx(0.1)


def test_adamw_trains_pretrained_weights_at_a_third_of_the_rate():
    network = nn.Sequential(nn.Conv2d(3, 8, 1), nn.Conv2d(8, 1, 1))
    optimizer = adamw(network, pretrained=network[0], rate=3e-3)
    old, new = optimizer.param_groups
    assert [group["lr"] for group in (old, new)] == [pytest.approx(1e-3), 3e-3]
    assert [id(p) for p in old["params"] + new["params"]] == [id(p) for p in network.parameters()]
    before = [parameter.clone() for parameter in network.parameters()]
    loss(network, make_batch(0)).backward()
    optimizer.step()
    # The first step of Adam moves every weight by its rate, whatever the gradient.
    steps = [(p - b).abs().mean().item() for p, b in zip(network.parameters(), before, strict=True)]
    assert steps == pytest.approx([1e-3, 1e-3, 3e-3, 3e-3], rel=0.01)


def test_the_average_of_a_short_run_forgets_its_start():
    averaged = [torch.zeros(3)]
    update = moving_average(0.998)
    for step in range(1, 51):
        update(averaged, [torch.ones(3)], step)
    assert 0.999 < averaged[0].min() <= 1
    late = [torch.zeros(3)]
    update(late, [torch.ones(3)], 100_000)
    assert torch.allclose(late[0], torch.tensor(0.002))
