from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_stexp.errors import BundleError
from napari_stexp.model import (
    ENCODERS,
    WINDOWINGS,
    BundleHeader,
    InputContract,
    ModelSizes,
    Retrieval,
    SectionInfo,
)

words = st.text(st.characters(codec="utf-8"), max_size=20)
names = words.filter(str.strip)
triples = st.tuples(*[st.floats(0.01, 200)] * 3)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
inputs = st.builds(
    lambda spread, **kwargs: InputContract(mean=spread, std=spread, **kwargs),
    spread=st.none() | triples,
    patch_px=st.integers(1, 64).map(lambda tiles: 32 * tiles),
    mpp=st.none() | st.floats(0.05, 20),
    color_order=st.sampled_from(["RGB", "BGR"]),
    value_range=st.sampled_from([1.0, 255.0]),
    fill=st.tuples(*[st.integers(0, 255)] * 3),
    context=st.lists(st.floats(1, 64, exclude_min=True), max_size=7, unique=True).map(
        lambda wider: (1.0, *sorted(wider))
    ),
)
headers = st.builds(
    BundleHeader,
    genes=st.lists(names, min_size=1, max_size=6, unique=True),
    name=words,
    encoder=st.sampled_from([*ENCODERS, "timm:resnet10t,depth=3", "resnet18+stain_statistics"]),
    sizes=st.builds(
        ModelSizes,
        layers=st.integers(1, 9),
        hidden=st.none() | st.integers(1, 999),
        n_positions=st.tuples(st.integers(1, 99), st.integers(1, 99)),
        position_encoding=st.sampled_from(["table", "none", "sincos"]),
        feature_norm=st.sampled_from(["none", "batch"]),
    ),
    input=inputs,
    retrieval=st.builds(
        Retrieval,
        k=st.integers(1, 9999),
        metric=st.sampled_from(["l1", "l2"]),
        scale=st.sampled_from(["spot", "gene"]),
    ),
    sections=st.lists(
        st.builds(SectionInfo, name=names, patient=words, n_spots=st.integers(0, 99)),
        max_size=4,
        unique_by=lambda section: section.name,
    ),
    windowing=st.sampled_from(WINDOWINGS),
    training=st.dictionaries(words, json_values, max_size=3),
)


@given(headers)
def test_a_header_survives_its_json(header: BundleHeader) -> None:
    assert BundleHeader.from_json(json.loads(json.dumps(header.to_json()))) == header


def test_all_problems_are_listed_at_once() -> None:
    data = {
        "genes": ["A", "B", "A", 3],
        "encoder": "vgg16",
        "input": {"patch_px": -1, "mean": [1, 2], "colour": "RGB"},
        "sections": [{"patient": "x"}, {"name": ""}],
        "retrieval": {"k": True, "metric": "cosine", "target_sum": math.nan},
        "extra": 1,
    }
    with pytest.raises(BundleError) as caught:
        BundleHeader.from_json(data)
    for place in (
        "genes[3]",
        "encoder",
        "input.patch_px",
        "input.mean",
        "input.colour",
        "sections[0].name",
        "sections[1].name",
        "retrieval.k",
        "retrieval.metric",
        "retrieval.target_sum",
        "extra",
    ):
        assert f"{place}: " in str(caught.value), place


def test_the_same_rules_hold_in_code() -> None:
    with pytest.raises(BundleError, match=r"patch_px.*whole number"):
        InputContract(patch_px=3)
    with pytest.raises(BundleError, match="mean and std"):
        InputContract(mean=(0.5, 0.5, 0.5))
    with pytest.raises(BundleError, match=r"genes.*more than once: A"):
        BundleHeader(genes=("A", "A"))
    with pytest.raises(BundleError, match=r"genes: expected a list of 1 to"):
        BundleHeader(genes=())
    with pytest.raises(BundleError, match=r"sections.*more than once"):
        BundleHeader(genes=("A",), sections=(SectionInfo("x"), SectionInfo("x")))
    with pytest.raises(BundleError, match="multiple of 32"):
        BundleHeader(
            genes=("A",), encoder="vit_base_patch32_224", input=InputContract(patch_px=100)
        )
    with pytest.raises(BundleError, match="multiple of 32"):
        BundleHeader(
            genes=("A",),
            encoder="stain_statistics+vit_base_patch32_224",
            input=InputContract(patch_px=100),
        )


@pytest.mark.parametrize(
    "context", [(), (2.0,), (1.0, 1.0), (1.0, 4.0, 2.0), (1.0, 65.0), tuple(range(1, 10)), 1.0]
)
def test_fields_of_view_grow_from_one(context: object) -> None:
    with pytest.raises(BundleError, match="context"):
        InputContract(context=context)  # type: ignore[arg-type]


def test_a_contract_says_the_shape_of_a_spots_pixels() -> None:
    assert InputContract(patch_px=32).pixels_shape == (32, 32, 3)
    wider = InputContract(patch_px=32, context=[1, 2, 4])  # type: ignore[arg-type]
    assert wider.context == (1.0, 2.0, 4.0)
    assert wider.pixels_shape == (3, 32, 32, 3)


def test_a_header_of_format_1_has_one_field_of_view() -> None:
    data = BundleHeader(genes=("A",)).to_json()
    del data["input"]["context"], data["sizes"]["position_encoding"], data["sizes"]["feature_norm"]
    header = BundleHeader.from_json(data | {"format_version": 1})
    assert header.input == InputContract()
    assert header.sizes == BundleHeader(genes=("A",)).sizes
    assert header.format_version == 1


@pytest.mark.parametrize("data", [None, [], "x", 3])
def test_what_is_no_object_is_refused(data: object) -> None:
    with pytest.raises(BundleError, match="JSON object"):
        BundleHeader.from_json(data)


@pytest.mark.parametrize("value", [object(), {1: 2}, [math.inf], b"x", {"a": {"b": {1, 2}}}])
def test_training_facts_must_be_json(value: object) -> None:
    with pytest.raises(BundleError, match="training"):
        BundleHeader(genes=("A",), training={"value": value})


def test_a_header_is_frozen_and_sequences_are_tuples() -> None:
    header = BundleHeader(genes=["A", "B"])  # type: ignore[arg-type]
    assert header.genes == ("A", "B")
    with pytest.raises(AttributeError):
        header.name = "other"  # type: ignore[misc]
