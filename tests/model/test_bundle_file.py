from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from napari_stexp.errors import BundleError, OutputError
from napari_stexp.files import sha256
from napari_stexp.model import (
    ImagePreprocessor,
    InputContract,
    ModelBundle,
    load_bundle,
    read_bundle_header,
    save_bundle,
)
from napari_stexp.model.bundle_content import content_digest
from napari_stexp.model.bundle_file import FORMAT, FORMAT_VERSION, LARGEST_HEADER
from napari_stexp.model.state import make_model


@pytest.fixture(scope="module")
def saved(small_bundle: ModelBundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_bundle(small_bundle, tmp_path_factory.mktemp("bundle") / "small.safetensors")


@pytest.fixture(scope="module")
def half(small_bundle: ModelBundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundle") / "half.safetensors"
    return save_bundle(small_bundle, path, weights_dtype="float16")


def assert_same(a: ModelBundle, b: ModelBundle, atol: float = 0.0) -> None:
    assert a.header == b.header
    assert a.state.keys() == b.state.keys()
    for name, tensor in a.state.items():
        torch.testing.assert_close(tensor, b.state[name], atol=atol, rtol=0)
    for name in ("embeddings", "section", "spot_ids", "positions", "centers"):
        np.testing.assert_array_equal(getattr(a.bank, name), getattr(b.bank, name))
    assert (a.bank.counts is None) == (b.bank.counts is None)
    if a.bank.counts is not None:
        np.testing.assert_array_equal(a.bank.counts.toarray(), b.bank.counts.toarray())
    if a.bank.thumbnails is not None:
        np.testing.assert_array_equal(a.bank.thumbnails.data, b.bank.thumbnails.data)
        np.testing.assert_array_equal(a.bank.thumbnails.offsets, b.bank.thumbnails.offsets)
    if a.scores is not None:
        pd.testing.assert_frame_equal(a.scores, b.scores)


def test_a_bundle_survives_its_file(small_bundle: ModelBundle, saved: Path) -> None:
    loaded = load_bundle(saved)
    assert_same(loaded, small_bundle)
    assert loaded.path == saved
    assert loaded.sha256 == sha256(saved)
    assert loaded.genes == small_bundle.genes
    assert loaded.has_spot_side
    assert read_bundle_header(saved) == small_bundle.header


def test_saving_twice_gives_the_same_bytes(saved: Path, tmp_path: Path) -> None:
    again = save_bundle(load_bundle(saved), tmp_path / "again.safetensors")
    assert again.read_bytes() == saved.read_bytes()


def test_counts_are_stored_small(saved: Path) -> None:
    with safe_open(saved, "numpy") as file:
        assert file.get_tensor("bank/counts.data").dtype == np.uint32  # one spot has 70,000
        assert file.get_tensor("bank/counts.indices").dtype == np.uint8


def test_half_precision_halves_the_file_and_loads_as_float32(
    small_bundle: ModelBundle, saved: Path, half: Path
) -> None:
    assert half.stat().st_size < 0.55 * saved.stat().st_size
    loaded = load_bundle(half)
    assert_same(loaded, small_bundle, atol=2e-3)
    assert {t.dtype for t in loaded.state.values()} == {torch.float32, torch.int64}
    np.testing.assert_array_equal(loaded.bank.embeddings, small_bundle.bank.embeddings)


def test_a_built_model_has_its_own_weights(saved: Path) -> None:
    bundle = load_bundle(saved)
    model = bundle.build_model(image_only=False)
    assert not model.training
    assert not any(p.requires_grad for p in model.parameters())
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, bundle.state[name])
        assert tensor.data_ptr() != bundle.state[name].data_ptr()
    image_only = bundle.build_model()
    images = torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(image_only.embed_image(images), model.embed_image(images))
    assert not image_only.has_spot_side


@pytest.mark.parametrize(
    ("encoder", "patch_px", "context", "sizes"),
    [
        ("resnet18", 32, (1.0, 2.0, 4.5), {"position_encoding": "sincos"}),
        ("stain_statistics", 16, (1.0, 3.0), {"feature_norm": "batch"}),
        ("timm:test_resnet+stain_statistics", 32, (1.0,), {"position_encoding": "none"}),
        # makes its rotary tables anew, they are not stored
        ("timm:eva02_tiny_patch14_224,depth=1", 28, (1.0,), {}),
    ],
)
def test_every_kind_of_model_survives_its_file(
    small_bundle: ModelBundle, tmp_path: Path, encoder: str, patch_px: int, context, sizes
) -> None:
    torch.manual_seed(0)
    contract = InputContract(patch_px=patch_px, mpp=0.5, context=context)
    header = replace(
        small_bundle.header,
        encoder=encoder,
        input=contract,
        sizes=replace(small_bundle.header.sizes, **sizes),
    )
    model = make_model(encoder, len(header.genes), header.sizes, contract=contract).eval()
    bundle = replace(small_bundle, header=header, state=model.state_dict())
    loaded = load_bundle(save_bundle(bundle, tmp_path / "model.safetensors"))
    assert_same(loaded, bundle)
    pixels = np.random.default_rng(0).integers(0, 256, (2, *contract.pixels_shape), dtype=np.uint8)
    images = ImagePreprocessor(contract)(pixels)
    with torch.inference_mode():
        torch.testing.assert_close(
            loaded.build_model().embed_image(images), model.embed_image(images)
        )
        expression, positions = (
            torch.rand(3, len(header.genes)),
            torch.tensor([[0, 1], [2, 3], [3, 0]]),
        )
        torch.testing.assert_close(
            loaded.build_model(image_only=False).embed_spots(expression, positions),
            model.embed_spots(expression, positions),
        )


def test_a_file_of_format_1_is_read_and_saved_as_the_present_one(tmp_path: Path) -> None:
    old = Path(__file__).parents[2] / "sample_data" / "mclstexp_synthetic.safetensors"
    with safe_open(old, "numpy") as file:
        stored = json.loads(file.metadata()[FORMAT])["header"]
    assert stored["format_version"] == 1
    assert "context" not in stored["input"]
    bundle = load_bundle(old)
    assert bundle.header.input.context == (1.0,)
    assert bundle.header.sizes.position_encoding == "table"
    again = load_bundle(save_bundle(bundle, tmp_path / "again.safetensors"))
    assert again.header == replace(bundle.header, format_version=FORMAT_VERSION)
    assert_same(replace(again, header=bundle.header), bundle)


def test_a_network_that_the_installed_timm_doesnt_know_is_told(saved: Path, tmp_path: Path) -> None:
    path = rewritten(saved, tmp_path / "b.safetensors", {}, {"encoder": "timm:future_net_9000"})
    with pytest.raises(BundleError, match=r"timm .* has no model 'future_net_9000'") as caught:
        load_bundle(path)
    assert caught.value.path == path
    assert read_bundle_header(path).encoder == "timm:future_net_9000"


def test_the_spot_side_may_be_absent(small_bundle: ModelBundle, tmp_path: Path) -> None:
    image_side = {n: t for n, t in small_bundle.state.items() if n.startswith("image_")}
    path = save_bundle(replace(small_bundle, state=image_side), tmp_path / "image.safetensors")
    loaded = load_bundle(path)
    assert not loaded.has_spot_side
    assert not loaded.build_model().has_spot_side
    with pytest.raises(BundleError, match="no spot encoder"):
        loaded.build_model(image_only=False)


def test_expression_stands_in_for_counts(small_bundle: ModelBundle, tmp_path: Path) -> None:
    values = small_bundle.bank.expression_matrix("gene")
    bank = replace(
        small_bundle.bank,
        counts=None,
        thumbnails=None,
        expression=values,
        expression_scale="gene",
        _cache={},
    )
    bundle = replace(small_bundle, bank=bank, scores=None)
    loaded = load_bundle(save_bundle(bundle, tmp_path / "expression.safetensors"))
    assert loaded.bank.expression_scale == "gene"
    np.testing.assert_array_equal(loaded.bank.expression_matrix("gene"), values)
    assert loaded.scores is None
    assert loaded.bank.thumbnails is None


def test_parts_that_do_not_fit_are_all_listed(small_bundle: ModelBundle) -> None:
    state = dict(small_bundle.state)
    state["image_projection.fc.bias"] = torch.zeros(3)
    state["nonsense"] = torch.zeros(1)
    del state["x_embed.weight"]
    header = replace(small_bundle.header, sections=())
    with pytest.raises(BundleError) as caught:
        replace(small_bundle, state=state, header=header)
    for part in ("missing: x_embed.weight", "unexpected: nonsense", "(3,) instead of (16,)"):
        assert part in str(caught.value)
    assert "sections are not the header's" in str(caught.value)


def test_scores_are_aligned_with_the_genes(small_bundle: ModelBundle) -> None:
    some = pd.DataFrame({"pcc_gene": [0.5]}, index=["GENE3"])
    scored = small_bundle.with_scores(some, {"holdout": "patient", "scale": "gene"})
    assert list(scored.scores.index) == list(small_bundle.genes)
    assert scored.scores.loc["GENE3", "pcc_gene"] == np.float32(0.5)
    assert scored.scores["pcc_gene"].isna().sum() == 11
    assert scored.header.evaluation["scale"] == "gene"
    assert scored.sha256 is None


def rewritten(saved: Path, path: Path, change: dict, header: dict | None = None) -> Path:
    """A bundle with other arrays (None removes one) or header entries, and a fitting digest."""
    arrays = load_file(saved) | change
    arrays = {name: array for name, array in arrays.items() if array is not None}
    with safe_open(saved, "numpy") as file:
        content = json.loads(file.metadata()[FORMAT])["header"] | (header or {})
    save_file(
        arrays,
        path,
        {FORMAT: json.dumps({"digest": content_digest(content, arrays), "header": content})},
    )
    return path


def test_strictness_lists_everything(saved: Path, tmp_path: Path) -> None:
    path = rewritten(
        saved,
        tmp_path / "bad.safetensors",
        {
            "weights/image_encoder.model.0.weight": None,
            "weights/extra": np.zeros(1, np.float32),
            "weights/image_projection.fc.bias": np.zeros((2, 2), np.float32),
            "weights/image_projection.fc.weight": np.zeros((16, 16), np.float64),
            "bank/embeddings": np.zeros((30, 9), np.float32),
            "bank/positions": np.zeros((30, 2), np.float32),
            "bank/spot_ids.text": None,
            "bank/other": np.zeros(1),
            "scores/pcc_spot": np.zeros(3, np.float32),
            "elsewhere": np.zeros(1),
        },
    )
    with pytest.raises(BundleError) as caught:
        load_bundle(path)
    text = str(caught.value)
    assert str(path) in text
    for part in (
        "1 missing: image_encoder.model.0.weight",
        "1 unexpected: extra",
        "image_projection.fc.bias (2, 2) instead of (16,)",
        "image_projection.fc.weight is of type F64",
        "bank/embeddings has shape (30, 9) instead of (30, 16)",
        "bank/positions is of type F32 instead of I32",
        "missing: bank/spot_ids.text",
        "unexpected: bank/other",
        "scores/pcc_spot is F32 (3,)",
        "unexpected: elsewhere",
    ):
        assert part in text, part


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"bank/section": np.full(30, 9, np.int32)}, "section indices"),
        ({"bank/counts.indptr": np.arange(31)[::-1].astype(np.int64)}, "no sparse matrix"),
        ({"bank/spot_ids.offsets": np.zeros(31, np.int64)}, "offsets don't fit"),
        ({"bank/thumbnails.offsets": np.full(31, -1, np.int64)}, "offsets don't fit"),
        ({"bank/embeddings": np.full((30, 16), np.inf, np.float32)}, "not all finite"),
        (
            {"weights/image_projection.fc.bias": np.full(16, np.nan, np.float32)},
            "fc.bias is not finite",
        ),
        ({"bank/counts.data": None, "bank/counts.indptr": None}, "missing: bank/counts.data"),
    ],
)
def test_contradictions_are_refused_even_with_a_fitting_digest(
    saved: Path, tmp_path: Path, change: dict, what: str
) -> None:
    with pytest.raises(BundleError, match=what) as caught:
        load_bundle(rewritten(saved, tmp_path / "bad.safetensors", change))
    assert caught.value.path is not None


def test_headers_are_checked(saved: Path, tmp_path: Path) -> None:
    path = tmp_path / "b.safetensors"
    with pytest.raises(BundleError, match=r"newer version.*at most 2; found 3.*Update"):
        load_bundle(rewritten(saved, path, {}, {"format_version": 3, "new_key": 1}))
    with pytest.raises(BundleError, match=r"genes: expected a list of 1") as caught:
        load_bundle(rewritten(saved, path, {}, {"genes": [], "encoder": "x"}))
    assert "encoder: expected one of" in str(caught.value)
    sizes = read_bundle_header(saved).sizes.to_json()
    with pytest.raises(BundleError, match=r"missing: spot_encoder\.2"):
        load_bundle(rewritten(saved, path, {}, {"sizes": sizes | {"layers": 3}}))
    save_file({"a": np.zeros(1)}, path)
    with pytest.raises(BundleError, match="no model bundle"):
        load_bundle(path)
    save_file({"a": np.zeros(1)}, path, {FORMAT: "{"})
    with pytest.raises(BundleError, match="no JSON"):
        load_bundle(path)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "no safetensors file"),
        (b"\x00" * 100, "no safetensors file"),
        (b"PK\x03\x04" + b"x" * 100, "no safetensors file.*imported first"),
        ((1 << 62).to_bytes(8, "little") + b"{}", "longer than it can be"),
        ((LARGEST_HEADER + 1).to_bytes(8, "little") + b"{}", "longer than it can be"),
        ((2).to_bytes(8, "little") + b"{}", "no model bundle"),
        ((9).to_bytes(8, "little") + b'{"a": [{}', "no safetensors file, or damaged"),
        (
            (73).to_bytes(8, "little")
            + b'{"a":{"dtype":"F32","shape":[99999999999],"data_offsets":[0,99999999]}}  ',
            "no safetensors file, or damaged",
        ),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(BundleError, match=what) as caught:
        load_bundle(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="can't be read"):
        load_bundle(tmp_path / "none.safetensors")
    with pytest.raises(BundleError, match="can't be read"):
        load_bundle(tmp_path)


def test_an_oversized_header_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "sparse.safetensors"
    with path.open("wb") as file:  # a sparse file: 50 GB that take no space
        file.write((40 * 1024**3).to_bytes(8, "little") + b"{")
        try:
            file.truncate(50 * 1024**3)
        except OSError:
            pytest.skip("the file system has no sparse files")
    with pytest.raises(BundleError, match="longer than it can be"):
        load_bundle(path)


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(where=st.floats(0, 1), in_header=st.booleans(), bit=st.integers(0, 7), cut=st.booleans())
def test_damage_is_always_noticed(
    half: Path,
    tmp_path: Path,
    where: float,
    in_header: bool,
    bit: int,
    cut: bool,
) -> None:
    """A flipped bit or a missing end: a BundleError, or the very same content."""
    whole = half.read_bytes()
    end = 8 + int.from_bytes(whole[:8], "little") if in_header else len(whole)
    place = min(int(where * end), end - 1)
    path = tmp_path / "damaged.safetensors"
    if cut:
        path.write_bytes(whole[:place])
    else:
        flipped = bytes([whole[place] ^ (1 << bit)])
        path.write_bytes(whole[:place] + flipped + whole[place + 1 :])
    try:
        loaded = load_bundle(path)
    except BundleError as error:
        assert error.path == path  # noqa: PT017 - either outcome is right
    else:
        assert_same(loaded, load_bundle(half))


def test_saving_refuses_other_names_and_leaves_nothing_behind(
    small_bundle: ModelBundle, tmp_path: Path
) -> None:
    with pytest.raises(OutputError, match=r"\.safetensors"):
        save_bundle(small_bundle, tmp_path / "model.pt")
    state = dict(small_bundle.state)
    state["image_projection.fc.weight"] = torch.full((16, 16), 1e6)
    large = replace(small_bundle, state=state)
    with pytest.raises(BundleError, match="not finite as float16"):
        save_bundle(large, tmp_path / "m.safetensors", weights_dtype="float16")
    assert list(tmp_path.iterdir()) == []
    assert load_bundle(save_bundle(large, tmp_path / "m.safetensors")).state.keys() == state.keys()


@pytest.mark.skipif(
    os.name == "nt" or (hasattr(os, "geteuid") and os.geteuid() == 0),
    reason="the superuser writes into read-only folders",
)
def test_a_read_only_folder(small_bundle: ModelBundle, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OutputError, match="can't write here"):
            save_bundle(small_bundle, tmp_path / "m.safetensors")
    finally:
        tmp_path.chmod(0o700)


def test_describing_a_bundle_needs_no_torch(saved: Path) -> None:
    code = (
        "import sys; from napari_stexp.model import read_bundle_header as read;"
        f"assert read({str(saved)!r}).name == 'small';"
        "assert not {'torch', 'napari', 'anndata', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
