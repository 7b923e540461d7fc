"""The engines of recognition: what their lines say is true."""

import re

import pytest

from shared.networks.cfn import CFN
from shared.networks.fcfn import FCFN
from shared.recognition.engines import CLASSIFIERS, SEGMENTERS


@pytest.mark.parametrize(("engine", "network"), [(CLASSIFIERS["cfn"], CFN), (SEGMENTERS["fcfn"], FCFN)])
def test_parameters_are_as_many_as_the_line_says(engine, network):
    (millions,) = re.findall(r"([\d.]+) M parameters", engine.description)
    count = sum(parameter.numel() for parameter in network().parameters())
    assert count / 1e6 == pytest.approx(float(millions), abs=0.05)


def test_embedded_weights_have_names_of_their_own():
    names = [engine.weights for engines in (CLASSIFIERS, SEGMENTERS) for engine in engines.values()]
    assert len({*names}) == len(names)
    assert all(name.startswith("recognition-") for name in names)
