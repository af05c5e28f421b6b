from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_stexp.errors import CheckpointError
from napari_stexp.model import ENCODERS, MclSTExp, read_released_state_dict
from napari_stexp.model.released import infer_sizes

State = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def state() -> State:
    torch.manual_seed(0)
    return dict(MclSTExp("resnet18", 11, (40, 30), patch_px=32).state_dict())


def save(content: object, path: Path, **kwargs: object) -> Path:
    torch.save(content, path, **kwargs)
    return path


def test_a_bare_state_dict_is_read_as_it_is(state: State, tmp_path: Path) -> None:
    read = read_released_state_dict(save(OrderedDict(state), tmp_path / "a.pt"))
    assert read.keys() == state.keys()
    assert all(torch.equal(read[name], tensor) for name, tensor in state.items())
    encoder, sizes, n_genes = infer_sizes(read)
    assert (encoder, n_genes) == ("resnet18", 11)
    assert (sizes.heads, sizes.head_width, sizes.layers, sizes.hidden) == (8, 64, 2, None)
    assert sizes.n_positions == (40, 30)


@pytest.mark.parametrize("prefix", ["module.", "module.module."])
def test_prefixes_and_older_names_are_cleaned(state: State, tmp_path: Path, prefix: str) -> None:
    old = {prefix + name.replace("spot_", "well_"): tensor for name, tensor in state.items()}
    assert any("well_projection" in name for name in old)
    assert read_released_state_dict(save(old, tmp_path / "a.pt")).keys() == state.keys()


def test_older_files_wrappers_and_precisions_are_read(state: State, tmp_path: Path) -> None:
    legacy = save(state, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    assert read_released_state_dict(legacy).keys() == state.keys()
    wrapped = save({"epoch": 3, "state_dict": state}, tmp_path / "wrapped.pt")
    assert read_released_state_dict(wrapped).keys() == state.keys()
    half = {n: t.half() if t.is_floating_point() else t for n, t in state.items()}
    read = read_released_state_dict(save(half, tmp_path / "half.pt"))
    assert read["x_embed.weight"].dtype == torch.float32


@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_encoder_is_recognised(encoder: str, tmp_path: Path) -> None:
    state = MclSTExp(encoder, 3, (2, 2)).state_dict()
    path = save(state, tmp_path / "a.pt")
    assert infer_sizes(read_released_state_dict(path))[0] == encoder
    path.unlink()  # ResNet-101 is 170 MB


def test_all_differences_are_listed(state: State, tmp_path: Path) -> None:
    changed = dict(state)
    del changed["image_projection.fc.weight"], changed["spot_projection.layer_norm.bias"]
    changed["classifier.weight"] = torch.zeros(3)
    changed["y_embed.weight"] = torch.zeros(30, 12)
    changed["image_encoder.model.0.weight"] = torch.zeros(64, 1, 7, 7)
    changed["image_encoder.model.1.weight"] = torch.zeros(64, dtype=torch.int64)
    with pytest.raises(CheckpointError) as caught:
        read_released_state_dict(save(changed, tmp_path / "a.pt"))
    for part in (
        "resnet18",
        "2 missing: image_projection.fc.weight, spot_projection.layer_norm.bias",
        "1 unexpected: classifier.weight",
        "y_embed.weight (30, 12) instead of (30, 11)",
        "image_encoder.model.0.weight (64, 1, 7, 7) instead of (64, 3, 7, 7)",
        "of the wrong type: image_encoder.model.1.weight",
    ):
        assert part in str(caught.value), part


def test_the_mlp_variant_is_explained(tmp_path: Path) -> None:
    path = save({"image_ecode.0.weight": torch.zeros(2, 2)}, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match="MLP variant"):
        read_released_state_dict(path)


@pytest.mark.filterwarnings("ignore:Validating sparse tensor")
@pytest.mark.parametrize(
    ("content", "what"),
    [
        ({"fc.weight": torch.zeros(2)}, "image encoder isn't known.*fc.weight"),
        ({}, "no state dict.*empty"),
        ([torch.zeros(2)], "no state dict.*list"),
        (torch.zeros(2), "no state dict.*Tensor"),
        ({"epoch": 3, "x": torch.zeros(1)}, "some entries are no tensors.*'epoch': int"),
        ({3: torch.zeros(1)}, "some entries are no tensors"),
        ({"a": torch.zeros(2, 2).to_sparse()}, "some entries are no tensors"),
        ({"a": torch.zeros(1).expand(10**12)}, "some entries are no tensors"),
        (
            {"module.a": torch.zeros(1), "a": torch.zeros(1)},
            "a parameter is there twice.*found a",
        ),
        (
            {"image_encoder.model.7.0.conv1.weight": torch.zeros(1)},
            r"missing or has no size.*spot_encoder\.0",
        ),
    ],
)
def test_other_content_is_refused(tmp_path: Path, content: object, what: str) -> None:
    path = save(content, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match=what) as caught:
        read_released_state_dict(path)
    assert caught.value.path == path


class Trap:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("new_format", [True, False])
def test_a_hostile_pickle_is_refused_unrun(state: State, tmp_path: Path, new_format: bool) -> None:
    trap = Trap(tmp_path / "ran")
    path = save(
        {**state, "trap": trap}, tmp_path / "a.pt", _use_new_zipfile_serialization=new_format
    )
    with pytest.raises(CheckpointError, match=r"could run code.*Ask its author") as caught:
        read_released_state_dict(path)
    assert not (tmp_path / "ran").exists()
    assert "calls" in str(caught.value)
    # The trap does work where pickles are trusted: the test would notice.
    torch.load(path, weights_only=False)
    assert (tmp_path / "ran").exists()


def test_a_plain_pickle_is_refused_unrun(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    path.write_bytes(pickle.dumps(Trap(tmp_path / "ran")))
    with pytest.raises(CheckpointError, match=r"could run code.*found Unsupported"):
        read_released_state_dict(path)
    assert not (tmp_path / "ran").exists()


def test_a_whole_module_and_an_object_array_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"could run code.*torch\.nn\.modules"):
        read_released_state_dict(save(torch.nn.Linear(2, 2), tmp_path / "module.pt"))
    array = np.array([1, "a"], dtype=object)
    with pytest.raises(CheckpointError, match="could run code"):
        read_released_state_dict(save({"a": array}, tmp_path / "array.pt"))


def zipped(entries: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "no PyTorch checkpoint"),
        (b"hello world, no checkpoint", "no PyTorch checkpoint"),
        (b"\x80\x02", "no PyTorch checkpoint"),
        (b"PK\x03\x04" + b"\x00" * 50, "no PyTorch checkpoint"),
        (zipped({"a.txt": b"x"}), "no PyTorch checkpoint"),
        (zipped({"a/data.pkl": b"", "a/version": b"3\n"}), "no PyTorch checkpoint"),
        (zipped({"a/data.pkl": b"0" * 10**6}, zipfile.ZIP_DEFLATED), "compressed archive"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "a.pt"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=what) as caught:
        read_released_state_dict(path)
    assert caught.value.path == path


def test_a_truncated_checkpoint_a_missing_one_and_a_folder(state: State, tmp_path: Path) -> None:
    path = save(state, tmp_path / "a.pt")
    whole = path.read_bytes()
    for share in (0.1, 0.5, 0.99):
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(CheckpointError, match="no PyTorch checkpoint"):
            read_released_state_dict(path)
    with pytest.raises(CheckpointError, match="missing"):
        read_released_state_dict(tmp_path / "none.pt")
    with pytest.raises(CheckpointError):
        read_released_state_dict(tmp_path)


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(place=st.floats(0, 1), bit=st.integers(0, 7), new_format=st.booleans())
def test_a_flipped_bit_is_noticed_or_harmless(
    state: State, tmp_path: Path, place: float, bit: int, new_format: bool
) -> None:
    """In the pickle and the tables around it: no other exception, no other shapes."""
    path = tmp_path / f"flip{new_format}.pt"
    if not path.exists():
        save(state, path, _use_new_zipfile_serialization=new_format)
    with path.open("r+b") as file:
        at = int(place * 60_000)
        file.seek(at)
        old = file.read(1)
        file.seek(at)
        file.write(bytes([old[0] ^ (1 << bit)]))
    try:
        read = read_released_state_dict(path)
    except CheckpointError as error:
        assert error.path == path  # noqa: PT017 - either outcome is right
    else:
        assert {n: t.shape for n, t in read.items()} == {n: t.shape for n, t in state.items()}
        del read
    with path.open("r+b") as file:
        file.seek(at)
        file.write(old)


@pytest.mark.data
def test_the_real_checkpoint_is_read_without_loading_its_tables(released_checkpoint: Path) -> None:
    state = read_released_state_dict(released_checkpoint)
    assert len(state) == 761
    assert infer_sizes(state)[1].n_positions == (65_536, 65_536)
