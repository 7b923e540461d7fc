"""Training of generators against discriminators: resume, pool, schedule, losses, commands."""

import json

import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from shared.networks.cyclegan import CycleGAN
from shared.networks.pix2pix import Pix2pix
from shared.training.feature_losses import content_distance
from shared.training.gan_loop import GanSettings, fit_gan, frozen
from shared.training.replay_pool import ReplayPool
from shared.training.stages import Stage
from shared.translation import train
from shared.translation.training.gan import SYSTEMS, UnpairedAdversaries
from shared.translation.training.gan_batches import paired_batch
from shared.translation.training.paired import PairedAdversaries


def batches(step, side):
    generator = torch.Generator().manual_seed(step)
    return torch.rand(1, 3, side, side, generator=generator), torch.rand(
        1, 3, side, side, generator=generator
    )


def settings(out, **options):
    defaults = {"stages": [Stage(3, 32), Stage(3, 40)], "out": out, "pool": 2, "checkpoint_every": 2}
    return GanSettings(**{**defaults, **options})


def adversaries(nest=5.0):
    torch.manual_seed(0)
    return UnpairedAdversaries(CycleGAN((1, 1), channels=2), 2, nest=nest)


class Interrupted(Exception):
    """End of a run before its time."""


def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path):
    whole = fit_gan(adversaries(), batches, settings(tmp_path / "whole")).state_dict()

    def interrupted(step, side):
        if step == 5:
            raise Interrupted
        return batches(step, side)

    with pytest.raises(Interrupted):
        fit_gan(adversaries(), interrupted, settings(tmp_path / "parts"))
    resumed = fit_gan(adversaries(), batches, settings(tmp_path / "parts")).state_dict()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_the_log_has_losses_and_samples(tmp_path):
    steps = []

    def sample(network, step):
        steps.append(step)
        return {"figure": 1.0}

    fit_gan(adversaries(), batches, settings(tmp_path, sample_every=4, log_every=3), sample)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert steps == [4, 6]
    assert {"forward", "backward", "cycle", "nest", "discriminator"} <= {*lines[0]}
    assert lines[-1] == {"step": 6, "figure": 1.0}


def test_the_rate_is_constant_and_then_falls_to_nothing(tmp_path):
    schedule = settings(tmp_path, stages=[Stage(4, 32), Stage(6, 64)])
    factors = [schedule.rate_factor(step) for step in range(10)]
    assert factors[:6] == [1.0] * 6
    assert factors[9] == pytest.approx(0.2)
    assert [schedule.side(step) for step in (0, 3, 4, 9)] == [32, 32, 64, 64]


def test_a_step_with_gradients_beyond_float32_changes_nothing(tmp_path):
    networks = adversaries()
    parameter = next(networks.generators.parameters())
    hook = parameter.register_hook(lambda gradient: gradient * float("inf"))
    before = {name: value.clone() for name, value in networks.generators.state_dict().items()}
    fit_gan(networks, batches, settings(tmp_path, stages=[Stage(1, 32)]))
    assert all(torch.equal(before[name], value) for name, value in networks.generators.state_dict().items())
    hook.remove()
    fit_gan(networks, batches, settings(tmp_path / "finite", stages=[Stage(1, 32)]))
    assert not torch.equal(before["forward_chain.generators.0.output.weight"], parameter)


def test_the_pool_returns_every_image_at_first_and_stored_ones_later():
    pool = ReplayPool(3)
    images = [torch.full((1, 1, 2, 2), float(i)) for i in range(60)]
    outputs = [pool.exchange(image, seed) for seed, image in enumerate(images)]
    assert all(output is image for output, image in zip(outputs[:3], images[:3], strict=True))
    stored = sum(output is not image for output, image in zip(outputs[3:], images[3:], strict=True))
    assert 15 < stored < 45
    assert len(pool.batches) == 3
    assert pool.exchange(torch.zeros(1, 1, 4, 4), 0).shape == (1, 1, 4, 4)
    assert len(pool.batches) == 1  # images of another size


def test_an_empty_pool_changes_nothing():
    image = torch.zeros(1)
    assert ReplayPool(0).exchange(image, 0) is image


def test_frozen_networks_pass_gradients_on():
    layer = torch.nn.Linear(1, 1)
    x = torch.ones(1, requires_grad=True)
    with frozen(layer):
        layer(x).backward()
    assert x.grad is not None
    assert layer.weight.grad is None
    assert layer.weight.requires_grad


def test_nest_adds_its_loss_and_gradients_reach_every_generator():
    model = adversaries()
    losses, fakes = model.generator_losses(batches(0, 32), 0)
    assert set(losses) == {"forward", "backward", "cycle", "nest"}
    assert set(adversaries(nest=0).generator_losses(batches(0, 32), 0)[0]) == {"forward", "backward", "cycle"}
    sum(losses.values()).backward()
    assert all(parameter.grad is not None for parameter in model.generators.parameters())
    assert len(fakes) == 2


def test_the_identity_loss_ends_after_its_steps():
    model = UnpairedAdversaries(CycleGAN((1,), channels=2), 2, identity=5.0, identity_steps=3)
    losses = [model.generator_losses(batches(0, 32), step)[0] for step in (2, 3)]
    assert "identity" in losses[0]
    assert "identity" not in losses[1]


def test_systems_of_two_generators_have_no_more_parameters():
    sizes = {
        name: sum(p.numel() for p in CycleGAN(system.lengths, channels=16).parameters())
        for name, system in SYSTEMS.items()
    }
    assert 0.95 * sizes["cyclegan"] < sizes["long"] == sizes["nest"] < sizes["cyclegan"]


def test_paired_losses_of_both_directions():
    torch.manual_seed(0)
    model = PairedAdversaries(Pix2pix(channels=2, blocks=0, levels=3), 2)
    batch = batches(0, 32)
    losses, fakes = model.generator_losses(batch, 0)
    assert set(losses) == {"forward", "backward"}
    fakes = tuple(fake.detach() for fake in fakes)
    model.discriminator_loss(batch, fakes).backward()
    assert all(parameter.grad is not None for parameter in model.discriminators.parameters())


def test_paired_losses_with_the_maps_of_a_fixed_network():
    networks = Pix2pix(channels=2, blocks=1)
    features = lambda x: [F.avg_pool2d(x, 4)]  # noqa: E731
    adversary = PairedAdversaries(networks, 2, features=features, feature_weight=3.0)
    x, y = batches(0, 64)
    losses, (_, fake_y) = adversary.generator_losses((x, y), 0)
    expected = 3 * content_distance(features(fake_y), features(y)).mean()
    assert losses["features"].item() == pytest.approx(expected.item(), rel=1e-5)


def test_pairs_are_learned(tmp_path):
    """A few steps on one pair bring the translation closer to it."""
    torch.manual_seed(0)
    model = PairedAdversaries(Pix2pix(channels=4, blocks=0, levels=3), 2)
    image = torch.arange(3 * 32 * 32).reshape(32, 32, 3).remainder(256).byte().numpy()
    pairs = [(image, 255 - image)]

    def make_batch(step, side):
        return paired_batch(pairs, batch=1, side=side, seed=0)

    x, y = make_batch(0, 32)
    with torch.no_grad():
        before = (model.generators(x) - y).abs().mean()
    network = fit_gan(model, make_batch, settings(tmp_path, stages=[Stage(40, 32)], rate=2e-3, pool=0))
    with torch.no_grad():
        assert (network(x) - y).abs().mean() < 0.8 * before


@pytest.mark.parametrize(
    "command",
    [["gan", "--system", "nest"], ["paired", "--blocks", "1"], ["paired", "--blocks", "0", "--levels", "3"]],
)
def test_commands_write_weights_and_samples(tmp_path, command):
    for split, count in (("train", 3), ("val", 2)):
        folder = tmp_path / "data" / split
        folder.mkdir(parents=True)
        for index in range(count):
            Image.effect_noise((96, 48), 80).convert("RGB").save(folder / f"{index}.png")
    out = tmp_path / "run"
    options = ["--data", str(tmp_path / "data"), "--set", "facades", "--out", str(out), "--side", "40"]
    options += ["--stages", "1:32,1:40", "--channels", "2", "--discriminator-channels", "2"]
    train.main([*command, *options])
    assert (out / "weights/SHA256SUMS").is_file()
    assert Image.open(out / "samples/samples-000002.png").size == (160, 80)


def test_unknown_trainings_are_listed():
    with pytest.raises(SystemExit, match="paired"):
        train.main(["pix3pix"])


@pytest.mark.parametrize("text", ["100", "0:64", "5:8", "a:b"])
def test_bad_stages_are_rejected(text, tmp_path, capsys):
    with pytest.raises(SystemExit):
        train.main(["gan", "--data", "d", "--set", "faces", "--out", str(tmp_path), "--stages", text])
    assert text in capsys.readouterr().err
