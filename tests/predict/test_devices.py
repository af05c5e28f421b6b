"""Choosing devices: what is asked for and not there is an error that says what is."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from napari_stexp.errors import DeviceError
from napari_stexp.predict import DeviceInfo, available_devices, choose_device, devices


def test_the_cpu_is_always_there_and_last():
    found = available_devices()
    assert found[-1].name == "cpu"
    assert found[-1].label.startswith("CPU (")
    assert choose_device("cpu") == torch.device("cpu")


def test_auto_is_the_first_of_those_available():
    assert str(choose_device("auto")).split(":")[0] == available_devices()[0].name.split(":")[0]
    assert choose_device() == choose_device("auto")


@pytest.mark.parametrize("name", ["cuda:77", "tpu", "", "gpu", "cpu:3"])
def test_a_missing_device_is_an_error_that_lists_the_others(name):
    with pytest.raises(DeviceError, match="cpu") as caught:
        choose_device(name)
    assert repr(name) in str(caught.value)


@pytest.fixture
def two_gpus(monkeypatch):
    """Pretend that there are two GPUs, the second with more free memory."""
    found = [DeviceInfo("cuda:0", "One"), DeviceInfo("cuda:1", "Two"), DeviceInfo("cpu", "CPU")]
    monkeypatch.setattr(devices, "available_devices", lambda: found)
    monkeypatch.setattr(devices, "free_memory", lambda device: {0: 1, 1: 2}.get(device.index, 0))


@pytest.mark.parametrize(
    ("name", "chosen"),
    [("auto", "cuda:1"), ("cuda", "cuda:1"), ("CUDA:0", "cuda:0"), ("cpu", "cpu")],
)
def test_of_several_gpus_the_freest_unless_one_is_named(two_gpus, name, chosen):
    assert str(choose_device(name)) == chosen


def test_a_gpu_that_is_listed_but_doesnt_compute_is_left_out(monkeypatch):
    """Its kernels may be missing: the driver lists it, the first operation fails."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    original = torch.ones

    def fail_on_gpu(*args, device=None, **kwargs):
        if torch.device(device or "cpu").type == "cuda":
            raise RuntimeError("no kernel image is available for execution on the device")
        return original(*args, device=device, **kwargs)

    monkeypatch.setattr(torch, "ones", fail_on_gpu)
    assert "cuda:0" not in [info.name for info in available_devices()]


def test_free_memory_of_the_cpu_is_plausible():
    assert 1e7 < devices.free_memory(torch.device("cpu")) < 1e14


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (torch.OutOfMemoryError("x"), True),
        (MemoryError(), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("CUDA error: device-side assert triggered"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_what_counts_as_out_of_memory(error, answer):
    assert devices.is_out_of_memory(error) is answer


def test_full_float32_is_undone_afterwards():
    cudnn = torch.backends.cudnn
    before = cudnn.allow_tf32
    with devices.full_float32():
        assert cudnn.allow_tf32 is False
        assert torch.backends.cuda.matmul.allow_tf32 is False
    assert cudnn.allow_tf32 is before


def test_importing_the_room_loads_no_torch():
    code = (
        "import sys, napari_stexp.predict as p; p.PredictParams(); p.choose_device; p.SpotBatch;"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
