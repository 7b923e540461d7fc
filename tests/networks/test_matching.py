"""RRF-Net, CycleMatch, JMC and ITMeetsAL."""

import math

import pytest
import torch
from torch.nn import functional as F

from shared.networks.cyclematch import (
    SCORE_NAMES,
    Cycle,
    CycleMatch,
    cycle_loss,
    dual_loss,
    latent_loss,
    reconstruction_loss,
)
from shared.networks.itmeetsal import (
    ITMeetsAL,
    discriminator_loss,
    encoder_loss,
    modality_entropy,
    modality_loss,
)
from shared.networks.jmc import FUSIONS, JMC, classification_loss
from shared.networks.matching_losses import bi_rank_loss, triplet_loss
from shared.networks.rrf import RRFBranch, RRFNet


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def features(rows=6, seed=3):
    torch.manual_seed(seed)
    return torch.randn(rows, 7), torch.randn(rows, 5), torch.arange(rows)


def small(kind, **more):
    torch.manual_seed(1)
    if kind is RRFNet:
        more = {"hidden": 32, "dropout": 0.0, **more}
    return kind(7, 5, width=16, **more)


def test_rrf_has_the_published_number_of_parameters():
    network = RRFNet()
    assert count(network.images) == 5_780_999
    assert count(network.texts) == 13_882_599
    assert count(network) == 19_663_598


def test_rrf_shares_its_weights_over_the_steps():
    three, six = (RRFBranch(7, width=8, hidden=16, recurrences=t) for t in (3, 6))
    # a step more costs a normalisation of its own and a number in the fusion
    assert count(six) - count(three) == 3 * (2 * 8 + 1)
    assert sum(isinstance(module, torch.nn.Linear) for module in six.modules()) == 4
    branch = three.eval()
    x = torch.randn(2, 7)
    h = branch.first(x)
    for step, norm in zip(branch.steps(x), branch.norms, strict=True):
        h = h + F.relu(norm(F.linear(h, branch.shared.weight, branch.shared.bias)))
        torch.testing.assert_close(step, h)


@pytest.mark.parametrize(("fusion", "weight", "bias", "norm"), [("conv", (4, 1), 1, 1), ("lc", (4, 8), 8, 8)])
def test_both_readings_of_the_fusion(fusion, weight, bias, norm):
    branch = RRFBranch(7, width=8, hidden=16, fusion=fusion)
    assert tuple(branch.fusion.weight.shape) == weight
    assert branch.fusion.bias.numel() == bias
    assert branch.fused_norm.num_features == norm
    out = branch(torch.randn(6, 7))
    torch.testing.assert_close(out.norm(dim=1), torch.ones(6))


def test_rrf_refuses_what_it_does_not_know():
    with pytest.raises(ValueError, match="conv, lc, got 'max'"):
        RRFBranch(7, fusion="max")
    with pytest.raises(ValueError, match="0 or more, got -1"):
        RRFBranch(7, recurrences=-1)


def objective(network, image, text, ids):
    """The loss with which each network is trained."""
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


@pytest.mark.parametrize(("kind", "more"), NETWORKS)
def test_every_network_learns_pairs_and_all_of_it_learns(kind, more):
    network, (image, text, ids) = small(kind, **more), features()
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    for _ in range(120):
        optimizer.zero_grad()
        objective(network, image, text, ids).backward()
        optimizer.step()
    assert all(one.grad is not None for one in network.parameters())
    for module in network.modules():  # so small a batch has other statistics than its running average
        module.train(isinstance(module, torch.nn.BatchNorm1d))
    with torch.inference_mode():
        x, y = F.normalize(network.images(image), dim=-1), F.normalize(network.texts(text), dim=-1)
    scores = x.flatten(1) @ y.flatten(1).T
    assert (scores.argmax(1) == ids).all()
    assert (scores.argmax(0) == ids).all()


def test_cycle_rows_are_what_scores_compare():
    network, (image, text, _) = small(CycleMatch).eval(), features()
    v, t = network.image_cycle(image), network.text_cycle(text)
    rows, others = network(image, text)
    assert rows.shape == others.shape == (6, len(SCORE_NAMES), 16)
    pairs = ((v.dual, t.source), (v.source, t.dual), (v.reconstructed, t.dual))
    pairs += ((v.dual, t.reconstructed), (v.latent, t.latent))
    for place, (first, second) in enumerate(pairs):
        torch.testing.assert_close(rows[:, place], F.normalize(first, dim=1))
        torch.testing.assert_close(others[:, place], F.normalize(second, dim=1))


def test_a_cycle_goes_there_and_back():
    network, (image, _, _) = small(CycleMatch).eval(), features()
    cycle = network.image_cycle(image)
    middle, dual = network.to_text(cycle.source)
    torch.testing.assert_close(cycle.latent, middle)
    torch.testing.assert_close(cycle.dual, dual)
    torch.testing.assert_close(cycle.reconstructed, network.to_image(dual)[1])


def test_cycle_losses_are_their_rankings():
    torch.manual_seed(0)
    v, t = (Cycle(*torch.randn(4, 6, 8)) for _ in "vt")
    ids = torch.arange(6)
    dual = triplet_loss(v.dual, t.source, ids) + triplet_loss(v.source, t.dual, ids)
    back = triplet_loss(v.reconstructed, v.source, ids) + triplet_loss(t.reconstructed, t.source, ids)
    between = triplet_loss(v.latent, t.latent, ids)
    torch.testing.assert_close(dual_loss(v, t, ids), dual)
    torch.testing.assert_close(reconstruction_loss(v, t, ids), back)
    torch.testing.assert_close(latent_loss(v, t, ids), between)
    torch.testing.assert_close(cycle_loss(v, t, ids, weights=(1, 2, 0.5)), dual + 2 * back + between / 2)
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
    assert not {id(one) for one in matching} & {id(one) for one in classification}


def test_jmc_learns_all_evidence_by_one_normalisation():
    """In training as it judges later: pictures alone are not moved to the mean of all pictures first."""
    network, (image, text, _) = small(JMC, classes=3).train(), features()
    x, y, _ = network(image, text)
    x, y = x.detach(), y.detach() + 1  # words lie elsewhere
    norm = network.classifier[0]
    norm.momentum = 1.0
    classification_loss(network, x, y, torch.arange(6) % 3)
    both = network.fuse(x, y)
    torch.testing.assert_close(norm.running_mean, torch.cat([both, x, y]).mean(0))


def test_jmc_refuses_what_it_does_not_know():
    with pytest.raises(ValueError, match="got 'max'"):
        JMC(7, 5, classes=3, fusion="max")
    with pytest.raises(ValueError, match="at least 1, got 0"):
        JMC(7, 5, classes=0)
    with pytest.raises(ValueError, match="image embedding, a text embedding, or both"):
        small(JMC, classes=3).classify()
    with pytest.raises(ValueError, match="got 'all'"):
        small(JMC, classes=3).component_parameters("all")


def test_modality_figures():
    logits = torch.tensor([-3.0, 0.0, 0.5])
    p = logits.sigmoid()
    expected = -(p * p.log() + (1 - p) * (1 - p).log()).mean()
    assert float(modality_entropy(logits)) == pytest.approx(float(expected), rel=1e-5)
    assert float(modality_entropy(torch.tensor([1e4, -1e4]))) == 0
    assert float(modality_loss(torch.full((3,), 50.0), torch.full((2,), -50.0))) == pytest.approx(0)
    assert float(modality_loss(torch.zeros(3), torch.zeros(2))) == pytest.approx(2 * math.log(2))


def test_both_players_of_itmeetsal_learn_by_their_own_loss_alone():
    network, (image, text, ids) = small(ITMeetsAL), features()
    x, y = network(image, text)
    encoder_loss(network, x, y, ids).backward()
    assert all(one.grad is None for one in network.discriminator.parameters())
    assert all(one.grad is not None for one in network.projection.parameters())
    network.zero_grad()
    x, y = network(image, text)
    discriminator_loss(network, x, y).backward()
    assert all(one.grad is not None for one in network.discriminator.parameters())
    assert all(one.grad is None for one in network.projection.parameters())


def test_encoders_confuse_the_discriminator():
    network, (image, text, ids) = small(ITMeetsAL), features(rows=16)
    judge = network.discriminator
    watcher = torch.optim.Adam(judge.parameters(), 0.01)
    for _ in range(60):
        watcher.zero_grad()
        discriminator_loss(network, *network(image, text)).backward()
        watcher.step()
    others = [one for name, one in network.named_parameters() if not name.startswith("discriminator")]
    optimizer, found = torch.optim.Adam(others, 0.003), []
    for _ in range(60):
        x, y = network(image, text)
        found.append(modality_entropy(judge(torch.cat([x, y]))).item())
        optimizer.zero_grad()
        encoder_loss(network, x, y, ids, entropy=30.0).backward()
        optimizer.step()
    assert found[0] < 0.35
    assert found[-1] > found[0] + 0.1


def test_labels_need_a_classifier():
    network, (image, text, ids) = small(ITMeetsAL), features()
    with pytest.raises(ValueError, match="got one without"):
        encoder_loss(network, *network(image, text), ids, labels=ids)
