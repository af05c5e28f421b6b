"""Quick reading of HDF5 against h5py's own."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_stexp.spots.spaceranger import h5_arrays
from napari_stexp.spots.spaceranger.h5_arrays import read_array

OPTIONS = [
    {},
    {"chunks": (5,), "maxshape": (None,)},
    {"chunks": (5,), "maxshape": (None,), "compression": "gzip"},
    {"chunks": (5,), "maxshape": (None,), "compression": "gzip", "shuffle": True},
    {"chunks": (64,), "maxshape": (None,), "compression": "gzip", "fletcher32": True},
    {"chunks": (5,), "maxshape": (None,), "compression": "lzf", "shuffle": True},
]


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.integers(0, 2**31 - 1), max_size=30),
    kind=st.sampled_from(["<i4", "<i8", ">i8", "<u4", "<u8"]),
    options=st.sampled_from(OPTIONS),
    wanted=st.sampled_from([np.int32, np.int64, np.float32]),
)
def test_the_same_as_h5py(values, kind, options, wanted):
    array = np.array(values, dtype=kind)
    with h5py.File.in_memory() as file:
        options = options if len(array) else {}
        found = read_array(file.create_dataset("x", data=array, **options), wanted)
    assert found.dtype == wanted
    np.testing.assert_array_equal(found, array.astype(wanted))


def test_packed_chunks_take_the_quick_way(monkeypatch):
    monkeypatch.setattr(h5py.Dataset, "__getitem__", None)
    array = np.arange(1000, dtype=np.int64) << 20
    with h5py.File.in_memory() as file:
        data = file.create_dataset("x", data=array, **OPTIONS[3])
        np.testing.assert_array_equal(read_array(data, np.int64), array)


def test_numbers_that_do_not_fit():
    for options in (OPTIONS[0], OPTIONS[3]):
        with h5py.File.in_memory() as file:
            data = file.create_dataset("x", data=np.array([1, 2**40]), **options)
            with pytest.raises(OverflowError, match="beyond 2147483647"):
                read_array(data, np.int32)


def test_claims_beyond_the_file_are_refused_before_memory_is_taken():
    with h5py.File.in_memory() as file:
        data = file.create_dataset("x", (2**40,), np.int64, chunks=(2**16,), compression="gzip")
        with pytest.raises(ValueError, match="claims 1099511627776 values"):
            read_array(data, np.int64)
        with pytest.raises(ValueError, match="2 dimensions"):
            read_array(file.create_dataset("y", data=np.eye(2)), np.int64)


def test_without_zlib_ng(monkeypatch):
    import imagecodecs

    monkeypatch.setattr(imagecodecs.ZLIBNG, "available", False)
    assert h5_arrays._inflater() is imagecodecs.zlib_decode
