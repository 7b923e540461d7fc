"""RRF-Net, CycleMatch, JMC and ITMeetsAL."""

import math

import pytest
import torch
from torch.nn import functional as F

from shared.networks.crossmodal.cyclematch import (
    SCORE_NAMES,
    Cycle,
    CycleMatch,
    cycle_loss,
    dual_loss,
    latent_loss,
    reconstruction_loss,
)
from shared.networks.crossmodal.itmeetsal import (
    ITMeetsAL,
    discriminator_loss,
    encoder_loss,
    modality_entropy,
    modality_loss,
)
from shared.networks.crossmodal.jmc import FUSIONS, JMC, classification_loss
from shared.networks.crossmodal.matching_losses import bi_rank_loss, triplet_loss
from shared.networks.crossmodal.rrf import RRFBranch, RRFNet


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def features(rows=6, seed=3):
    torch.manual_seed(seed)
    return torch.randn(rows, 7), torch.randn(rows, 5), torch.arange(rows)


def small(network_class, **settings):
    torch.manual_seed(1)
    if network_class is RRFNet:
        settings = {"hidden": 32, "dropout": 0.0, **settings}
    return network_class(7, 5, width=16, **settings)


def test_rrf_has_the_published_number_of_parameters():
    network = RRFNet()
    assert count(network.images) == 5_780_999
    assert count(network.texts) == 13_882_599
    assert count(network) == 19_663_598


def test_rrf_shares_its_weights_over_the_steps():
    three, six = (RRFBranch(7, width=8, hidden=16, recurrences=t) for t in (3, 6))
    # An additional step costs a normalisation and a weight of the fusion.
    assert count(six) - count(three) == 3 * (2 * 8 + 1)
    assert sum(isinstance(module, torch.nn.Linear) for module in six.modules()) == 4
    branch = three.eval()
    x = torch.randn(2, 7)
    h = branch.first(x)
    for step, norm in zip(branch.steps(x), branch.norms, strict=True):
        h = h + F.relu(norm(F.linear(h, branch.shared.weight, branch.shared.bias)))
        torch.testing.assert_close(step, h)


@pytest.mark.parametrize(("fusion", "weight", "bias", "norm"), [("conv", (4, 1), 1, 1), ("lc", (4, 8), 8, 8)])
def test_kinds_of_fusion_in_rrf(fusion, weight, bias, norm):
    branch = RRFBranch(7, width=8, hidden=16, fusion=fusion)
    assert tuple(branch.fusion.weight.shape) == weight
    assert branch.fusion.bias.numel() == bias
    assert branch.fused_norm.num_features == norm
    out = branch(torch.randn(6, 7))
    torch.testing.assert_close(out.norm(dim=1), torch.ones(6))


def test_rrf_refuses_unknown_settings():
    with pytest.raises(ValueError, match="conv, lc, got 'max'"):
        RRFBranch(7, fusion="max")
    with pytest.raises(ValueError, match="0 or more, got -1"):
        RRFBranch(7, recurrences=-1)


def objective(network, image, text, ids):
    """Compute the training loss of a network."""
    if isinstance(network, CycleMatch):
        return cycle_loss(network.image_cycle(image), network.text_cycle(text), ids)
    if isinstance(network, JMC):
        x, y, _ = network(image, text)
        return bi_rank_loss(x, y, ids) + classification_loss(network, x, y, ids % 3)
    x, y = network(image, text)
    if isinstance(network, ITMeetsAL):
        return encoder_loss(network, x, y, ids, labels=ids) + discriminator_loss(network, x, y)
    return bi_rank_loss(x, y, ids, margin=0.5)


NETWORKS = [(RRFNet, {}), (RRFNet, {"fusion": "lc"}), (CycleMatch, {}), (JMC, {"classes": 3})]
NETWORKS += [(ITMeetsAL, {"classes": 6})]


@pytest.mark.parametrize(("network_class", "settings"), NETWORKS)
def test_every_network_learns_pairs_with_all_parameters(network_class, settings):
    network, (image, text, ids) = small(network_class, **settings), features()
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    for _ in range(120):
        optimizer.zero_grad()
        objective(network, image, text, ids).backward()
        optimizer.step()
    assert all(weight.grad is not None for weight in network.parameters())
    for module in network.modules():  # statistics of so small a batch differ from the running ones
        module.train(isinstance(module, torch.nn.BatchNorm1d))
    with torch.inference_mode():
        x, y = F.normalize(network.images(image), dim=-1), F.normalize(network.texts(text), dim=-1)
    scores = x.flatten(1) @ y.flatten(1).T
    assert (scores.argmax(1) == ids).all()
    assert (scores.argmax(0) == ids).all()


def test_rows_of_a_cycle_follow_the_order_of_the_scores():
    network, (image, text, _) = small(CycleMatch).eval(), features()
    v, t = network.image_cycle(image), network.text_cycle(text)
    image_rows, text_rows = network(image, text)
    assert image_rows.shape == text_rows.shape == (6, len(SCORE_NAMES), 16)
    pairs = ((v.dual, t.source), (v.source, t.dual), (v.reconstructed, t.dual))
    pairs += ((v.dual, t.reconstructed), (v.latent, t.latent))
    for index, (first, second) in enumerate(pairs):
        torch.testing.assert_close(image_rows[:, index], F.normalize(first, dim=1))
        torch.testing.assert_close(text_rows[:, index], F.normalize(second, dim=1))


def test_a_cycle_returns_to_its_own_space():
    network, (image, _, _) = small(CycleMatch).eval(), features()
    cycle = network.image_cycle(image)
    latent, dual = network.to_text(cycle.source)
    torch.testing.assert_close(cycle.latent, latent)
    torch.testing.assert_close(cycle.dual, dual)
    torch.testing.assert_close(cycle.reconstructed, network.to_image(dual)[1])


def test_cycle_losses_are_ranking_losses():
    torch.manual_seed(0)
    v, t = (Cycle(*torch.randn(4, 6, 8)) for _ in "vt")
    ids = torch.arange(6)
    dual = triplet_loss(v.dual, t.source, ids) + triplet_loss(v.source, t.dual, ids)
    reconstruction = triplet_loss(v.reconstructed, v.source, ids) + triplet_loss(
        t.reconstructed, t.source, ids
    )
    latent = triplet_loss(v.latent, t.latent, ids)
    torch.testing.assert_close(dual_loss(v, t, ids), dual)
    torch.testing.assert_close(reconstruction_loss(v, t, ids), reconstruction)
    torch.testing.assert_close(latent_loss(v, t, ids), latent)
    weighted = dual + 2 * reconstruction + latent / 2
    torch.testing.assert_close(cycle_loss(v, t, ids, weights=(1, 2, 0.5)), weighted)
    torch.testing.assert_close(cycle_loss(v, t, ids, weights=(1, 0, 0)), dual)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_jmc_classifies_from_both_or_either(fusion):
    network, (image, text, _) = small(JMC, classes=3, fusion=fusion).eval(), features()
    x, y, logits = network(image, text)
    assert logits.shape == (6, 3)
    torch.testing.assert_close(network.classify(x), network.classify(x, x))
    torch.testing.assert_close(network.classify(text=y), network.classify(y, y))
    matching, classification = (network.component_parameters(name) for name in ("matching", "classification"))
    assert len(matching) + len(classification) == len(list(network.parameters()))
    assert not {id(weight) for weight in matching} & {id(weight) for weight in classification}


def test_jmc_normalises_all_kinds_of_input_in_one_batch():
    """Training uses the same statistics as evaluation: images alone are not shifted to the mean of images."""
    network, (image, text, _) = small(JMC, classes=3).train(), features()
    x, y, _ = network(image, text)
    x, y = x.detach(), y.detach() + 1  # another mean than that of images
    norm = network.classifier[0]
    norm.momentum = 1.0
    classification_loss(network, x, y, torch.arange(6) % 3)
    fused = network.fuse(x, y)
    torch.testing.assert_close(norm.running_mean, torch.cat([fused, x, y]).mean(0))


def test_jmc_refuses_unknown_settings():
    with pytest.raises(ValueError, match="got 'max'"):
        JMC(7, 5, classes=3, fusion="max")
    with pytest.raises(ValueError, match="at least 1, got 0"):
        JMC(7, 5, classes=0)
    with pytest.raises(ValueError, match="image embedding, a text embedding, or both"):
        small(JMC, classes=3).classify()
    with pytest.raises(ValueError, match="got 'all'"):
        small(JMC, classes=3).component_parameters("all")


def test_entropy_and_loss_of_the_modality_classifier():
    logits = torch.tensor([-3.0, 0.0, 0.5])
    p = logits.sigmoid()
    expected = -(p * p.log() + (1 - p) * (1 - p).log()).mean()
    assert float(modality_entropy(logits)) == pytest.approx(float(expected), rel=1e-5)
    assert float(modality_entropy(torch.tensor([1e4, -1e4]))) == 0
    assert float(modality_loss(torch.full((3,), 50.0), torch.full((2,), -50.0))) == pytest.approx(0)
    assert float(modality_loss(torch.zeros(3), torch.zeros(2))) == pytest.approx(2 * math.log(2))


def test_encoders_and_discriminator_get_gradients_from_their_own_loss_only():
    network, (image, text, ids) = small(ITMeetsAL), features()
    x, y = network(image, text)
    encoder_loss(network, x, y, ids).backward()
    assert all(weight.grad is None for weight in network.discriminator.parameters())
    assert all(weight.grad is not None for weight in network.projection.parameters())
    network.zero_grad()
    x, y = network(image, text)
    discriminator_loss(network, x, y).backward()
    assert all(weight.grad is not None for weight in network.discriminator.parameters())
    assert all(weight.grad is None for weight in network.projection.parameters())


def test_encoders_confuse_the_discriminator():
    network, (image, text, ids) = small(ITMeetsAL), features(rows=16)
    discriminator = network.discriminator
    optimizer = torch.optim.Adam(discriminator.parameters(), 0.01)
    for _ in range(60):
        optimizer.zero_grad()
        discriminator_loss(network, *network(image, text)).backward()
        optimizer.step()
    encoders = [weight for name, weight in network.named_parameters() if "discriminator" not in name]
    optimizer, entropies = torch.optim.Adam(encoders, 0.003), []
    for _ in range(60):
        x, y = network(image, text)
        entropies.append(modality_entropy(discriminator(torch.cat([x, y]))).item())
        optimizer.zero_grad()
        encoder_loss(network, x, y, ids, entropy=30.0).backward()
        optimizer.step()
    assert entropies[0] < 0.35
    assert entropies[-1] > entropies[0] + 0.1


def test_labels_need_a_classifier():
    network, (image, text, ids) = small(ITMeetsAL), features()
    with pytest.raises(ValueError, match="got one without"):
        encoder_loss(network, *network(image, text), ids, labels=ids)
