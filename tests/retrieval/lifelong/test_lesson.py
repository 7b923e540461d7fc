import numpy as np
import pytest
import torch

from shared.retrieval.lifelong.lesson import Lesson, class_batches, teach
from shared.retrieval.lifelong.memory import Learner, Memory, merge_importance
from shared.retrieval.lifelong.methods import METHODS
from shared.retrieval.lifelong.teacher import embed
from shared.retrieval.lifelong.views import SIDE, Views, center_view, compute_views, random_views
from tests.retrieval.lifelong.colors import KNOWN, SHORT, photos


def gold_views(learner: Learner) -> Views:
    return compute_views(learner.network, photos("gold", 5), [len(KNOWN)] * 5, center_view)


def trained(learner: Learner) -> list[torch.Tensor]:
    return [p.detach().clone() for p in learner.network.parameters() if p.requires_grad]


@pytest.mark.parametrize("name", METHODS)
def test_every_method_teaches_and_leaves_the_earlier_network_alone(learner, name):
    before = trained(learner)
    steps = []
    lesson = Lesson(gold_views(learner), ("gold",), METHODS[name], SHORT)
    taught = teach(learner, lesson, lambda step, _: steps.append(step))
    assert all(torch.equal(a, b) for a, b in zip(before, trained(learner), strict=True))
    assert taught.memory.classes == (*KNOWN, "gold")
    assert taught.network.classifier.out_features == 4
    assert len(taught.memory.bounds) == 1
    frozen = METHODS[name].frozen
    assert steps == ([] if frozen else [1, 2, 3, 4])
    same = torch.equal(taught.network.embed.weight, learner.network.embed.weight)
    assert same is frozen
    lower = zip(learner.network.base.blocks[:11], taught.network.base.blocks[:11], strict=True)
    assert all(torch.equal(a.project.weight, b.project.weight) for a, b in lower)


def test_a_lesson_is_the_same_with_the_same_seed(learner):
    lesson = Lesson(gold_views(learner), ("gold",), METHODS["dual"], SHORT)
    first, second = (trained(teach(learner, lesson)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_distillation_keeps_vectors_nearer_than_learning_alone(learner):
    views = gold_views(learner)
    maps = views.maps[:, 0]
    before = embed(learner.network, maps).unit
    shifts = {}
    for name in ("finetune", "l2"):
        taught = teach(learner, Lesson(views, ("gold",), METHODS[name], SHORT))
        shifts[name] = float((embed(taught.network, maps).unit - before).norm(dim=1).mean())
    assert shifts["l2"] < shifts["finetune"]


def test_importance_must_be_remembered(learner):
    forgetful = Learner(learner.network, Memory(learner.memory.classes, learner.memory.images))
    with pytest.raises(ValueError, match="ewc needs the importance"):
        teach(forgetful, Lesson(gold_views(learner), ("gold",), METHODS["ewc"], SHORT))


def test_a_lesson_can_be_stopped(learner):
    def stop(step: int, _: object) -> None:
        if step == 2:
            raise KeyboardInterrupt

    before = trained(learner)
    with pytest.raises(KeyboardInterrupt):
        teach(learner, Lesson(gold_views(learner), ("gold",), METHODS["correlation"], SHORT), stop)
    assert all(torch.equal(a, b) for a, b in zip(before, trained(learner), strict=True))


def test_statistics_are_those_of_all_lessons(learner):
    taught = teach(learner, Lesson(gold_views(learner), ("gold",), METHODS["frozen"], SHORT))
    share = 5 / (learner.memory.images + 5)
    last = len(learner.network.statistics) - 1
    views = gold_views(learner)
    with torch.no_grad():
        new = torch.cat([learner.network.head(_before_head(learner, views))])
    expected = (1 - share) * learner.network.statistics[last][0] + share * new.mean((0, 2, 3))
    assert torch.allclose(taught.network.statistics[last][0], expected, atol=1e-2)
    assert taught.memory.images == learner.memory.images + 5


def _before_head(learner: Learner, views: Views) -> torch.Tensor:
    x = views.maps[:, 0].float()
    for block in learner.network.base.blocks[learner.network.first_trained :]:
        x = block(x)
    return x


def test_batches_hold_the_same_number_of_images_of_each_class():
    labels = torch.tensor([3] * 7 + [5] * 2 + [9] * 4)
    batches = list(class_batches(labels, SHORT))
    assert len(batches) == SHORT.steps
    for batch in batches:
        _, counts = np.unique(labels[batch].numpy(), return_counts=True)
        assert counts.tolist() == [3, 3, 3]


def test_importance_is_the_mean_over_lessons_and_new_rows_are_added():
    earlier, later = {"w": torch.ones(2, 1)}, {"w": torch.tensor([[3.0], [3.0], [6.0]])}
    merged = merge_importance(earlier, later, lessons=2)
    assert merged["w"].flatten().tolist() == pytest.approx([5 / 3, 5 / 3, 2.0])


def test_views_have_one_size_and_differ():
    (image,) = photos("red", 1)
    views = random_views(image, 3, np.random.default_rng(0))
    assert views.shape == (3, 3, SIDE, SIDE)
    assert float(views.abs().max()) <= 1
    assert not torch.equal(views[0], views[1])
    assert center_view(image).shape == (1, 3, SIDE, SIDE)
