"""Pickles are read without being unpickled: what is refused, and that nothing runs."""

from __future__ import annotations

import builtins
import contextlib
import os
import pickle
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from napari_stexp.errors import GeneListError
from napari_stexp.model import read_gene_list
from napari_stexp.model.pickled_names import LARGEST_PICKLE, UnsafePickleError, read_pickled_names

names = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), max_size=30)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@given(content=names)
def test_lists_and_tuples_of_every_protocol(protocol: int, content: list[str]) -> None:
    assert read_pickled_names(pickle.dumps(content, protocol)) == content
    assert read_pickled_names(pickle.dumps(tuple(content), protocol)) == content


@pytest.mark.parametrize("protocol", range(3, pickle.HIGHEST_PROTOCOL + 1))
@given(content=names)
def test_object_arrays_and_indexes(protocol: int, content: list[str]) -> None:
    array = np.array(content, dtype=object)
    assert read_pickled_names(pickle.dumps(array, protocol)) == content
    index = pd.Index(array, dtype=object, name="gene")
    assert read_pickled_names(pickle.dumps(index, protocol)) == content


def test_a_pickled_list_is_a_gene_list(tmp_path: Path) -> None:
    path = tmp_path / "genes.pkl"
    path.write_bytes(pickle.dumps(pd.Index(["ERBB2", "MT-CO1"], dtype=object)))
    assert read_gene_list(path) == ["ERBB2", "MT-CO1"]
    path.write_bytes(pickle.dumps(["A", "A"]))
    with pytest.raises(GeneListError, match="more than once"):
        read_gene_list(path)
    path.write_bytes(pickle.dumps([]))
    with pytest.raises(GeneListError, match="empty"):
        read_gene_list(path)


class _Call:
    """Pickles as the call of anything."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Collect calls of what hostile pickles call."""
    calls: list[object] = []
    for module, name in ((os, "system"), (builtins, "eval"), (builtins, "exec")):
        monkeypatch.setattr(module, name, lambda *_, name=name: calls.append(name))
    return calls


RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\n"
HOSTILE = {
    "protocol 0": b"cos\nsystem\n(S'touch ran'\ntR.",
    "protocol 0, text": b"cos\nsystem\n(Vtouch ran\ntR.",
    "stack global": b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x03ran\x85R.",
    "inst": b"(S'touch ran'\nios\nsystem\n.",
    "obj": b"(cos\nsystem\nS'touch ran'\no.",
    "newobj": b"\x80\x02cos\nsystem\n)\x81.",
    "newobj_ex": b"\x80\x04\x8c\x02os\x8c\x06system\x93)}\x92.",
    "persistent id": b"Pran\n.",
    "binary persistent id": b"\x80\x02X\x03\x00\x00\x00ranQ.",
    "extension": b"\x80\x02\x82\x01.",
    "getattr": b"cbuiltins\ngetattr\n(cos\nenviron\nVclear\ntR)R.",
    "eval": b"cbuiltins\neval\n(V1\ntR.",
    "behind a list": b"(lV A\nacos\nsystem\n(Vran\ntRa.",
    "in the memo": b"cos\nsystem\np0\n0(g0\nVran\nl.",
    "global from the memo": b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94h\x00h\x01\x93)R.",
    "another way to write os": b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x03ran\x85R.",
    "inside numpy": b"cnumpy.testing._private.utils\nrunstring\n(V1\n}tR.",
    "numpy's own loader": b"cnumpy\nload\n(Vran\ntR.",
    "dotted name": b"\x80\x04\x8c\x05numpy\x8c\x0dndarray.tofile\x93)R.",
    "reconstruct of another class": RECONSTRUCT + b"(cos\nsystem\n(I0\ntC\x01btR.",
    "reconstruct with another shape": RECONSTRUCT + b"(cnumpy\nndarray\n(I9999999\ntC\x01btR.",
    "state for a global": b"cnumpy\nndarray\n(Vx\ntb.",
    "state for a list": b"(l(Vx\ntb.",
    "dictionary state": RECONSTRUCT + b"(cnumpy\nndarray\n(I0\ntC\x01btR}(VA\nVB\nub.",
    "index of no array": b"cpandas.core.indexes.base\n_new_Index\n"
    b"(cpandas.core.indexes.base\nIndex\n}tR.",
    "index of another class": b"cpandas.core.indexes.base\n_new_Index\n(cos\nsystem\n}tR.",
    "an array without content": RECONSTRUCT + b"(cnumpy\nndarray\n(I0\ntC\x01btR.",
    "a global": b"cnumpy\nndarray\n.",
    "a structured type": b"cnumpy\ndtype\n(VV8\nI00\nI01\ntR.",
    "a buffer": b"\x80\x05\x97.",
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_pickles_are_refused_unexecuted(
    data: bytes, tmp_path: Path, ran: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "genes.pkl"
    path.write_bytes(data)
    with pytest.raises(GeneListError, match="could run code when read, so it is refused"):
        read_gene_list(path)
    assert not ran
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "build",
    [
        lambda call: call,
        lambda call: ["A", call],
        lambda call: ("A", [call]),
        lambda call: {"data": call},
        lambda call: np.array(["A", call], dtype=object),
        lambda call: np.array(["A", [("B", call)]], dtype=object),
        lambda call: pd.Index([call], dtype=object),
        lambda call: pd.Index(["A"], dtype=object, name=call),
    ],
)
@pytest.mark.parametrize("protocol", [2, 4])
def test_calls_are_refused_wherever_they_hide(build: Any, protocol: int, tmp_path: Path) -> None:
    data = pickle.dumps(build(_Call(Path.touch, tmp_path / "ran")), protocol)
    with pytest.raises(UnsafePickleError):
        read_pickled_names(data)
    assert not (tmp_path / "ran").exists()
    if protocol == 4:  # it is armed: unpickled, it would run
        pickle.loads(data)
        assert (tmp_path / "ran").exists()


def test_what_is_no_list_of_names() -> None:
    endless: list[object] = []
    endless.append(endless)
    doubled: tuple[object, ...] = ("A",)
    for _ in range(200):
        doubled = (doubled, doubled)  # 2**200 entries, if one went to look
    for content in (5, "A", None, {"A": 1}, [1], ["A", None], [b"A"], [["A"]], {"A"}):
        with pytest.raises(UnsafePickleError):
            read_pickled_names(pickle.dumps(content))
    for content in (endless, doubled, [doubled]):
        with pytest.raises(UnsafePickleError, match="not text"):
            read_pickled_names(pickle.dumps(content))
    with pytest.raises(UnsafePickleError, match="no valid text"):
        read_pickled_names(pickle.dumps(["\ud800"]))
    with pytest.raises(UnsafePickleError):
        read_pickled_names(pickle.dumps(np.array(["A"])))  # bytes, not objects


def test_huge_and_deep_pickles_end_soon() -> None:
    start = time.process_time()
    with pytest.raises(UnsafePickleError, match="more than"):
        read_pickled_names(bytes(LARGEST_PICKLE + 1))
    for data in (
        b"\x80\x04\x8d" + b"\xff" * 7 + b"\x7f" + b"A.",  # text of 2**63 bytes
        b"\x80\x04\x95" + b"\xff" * 8 + b"].",  # a frame of 2**64 bytes, an empty list
        b"\x80\x02]r\xff\xff\xff\xff(" + b"h\x00" * 50_000 + b"e.",  # memo that isn't there
        b"N" + b"\x85" * 300_000 + b".",  # tuples in tuples in tuples
        b"(" * 300_000 + b".",
        b"I" + b"9" * 10_000 + b"\n.",
    ):
        with contextlib.suppress(UnsafePickleError):
            assert read_pickled_names(data) == []
    assert time.process_time() - start < 5


VALID = [
    pickle.dumps(["ERBB2", "A"], 4),
    pickle.dumps(np.array(["ERBB2", "A"], dtype=object), 3),
    pickle.dumps(pd.Index(["ERBB2", "A"], dtype=object), 4),
]


# pickletools unescapes names; damaged ones may hold escapes that Python doesn't know.
@pytest.mark.filterwarnings("ignore:invalid escape sequence:DeprecationWarning")
@settings(max_examples=300)
@given(st.data())
def test_damage_is_refused_or_harmless(data: st.DataObject) -> None:
    whole = bytearray(data.draw(st.sampled_from(VALID)))
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    _refuse_or_read(bytes(whole))


@settings(max_examples=300)
@given(st.binary(max_size=60))
@example(b"")
@example(b".")
@example(b"]0.")
@example(b"(.")
def test_any_bytes_are_refused_or_harmless(data: bytes) -> None:
    _refuse_or_read(data)
    _refuse_or_read(b"\x80\x04" + data + b".")


def _refuse_or_read(data: bytes) -> None:
    try:
        read = read_pickled_names(data)
    except UnsafePickleError:
        return
    assert all(type(name) is str for name in read)


@pytest.mark.parametrize("whole", VALID)
def test_cut_off_and_extended(whole: bytes) -> None:
    for end in range(len(whole)):
        with pytest.raises(UnsafePickleError):
            read_pickled_names(whole[:end])
    with pytest.raises(UnsafePickleError, match="behind the pickle's end"):
        read_pickled_names(whole + b"cos\nsystem\n.")
