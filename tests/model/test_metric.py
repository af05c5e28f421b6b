"""The names of what weighs retrieved spots."""

import pytest

from napari_stexp.errors import BundleError
from napari_stexp.model import Retrieval
from napari_stexp.model.metric import is_metric, softmax_temperature


@pytest.mark.parametrize(("name", "temperature"), [("softmax:0.2", 0.2), ("softmax:1e-2", 0.01)])
def test_a_softmax_carries_its_temperature(name, temperature):
    assert is_metric(name)
    assert softmax_temperature(name) == temperature
    assert Retrieval.from_json(Retrieval(metric=name).to_json()).metric == name


@pytest.mark.parametrize("name", ["l1", "l2"])
def test_distances_have_none(name):
    assert is_metric(name)
    assert softmax_temperature(name) is None


@pytest.mark.parametrize(
    "name",
    ["", "L1", "cosine", "softmax", "softmax:", "softmax:0", "softmax:nan", "softmax:x", 2, None],
)
def test_anything_else_is_refused(name):
    assert not is_metric(name)
    with pytest.raises(BundleError, match="softmax:T"):
        Retrieval(metric=name)
