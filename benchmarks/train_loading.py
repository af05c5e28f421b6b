"""How fast patches reach the device, augmented: ours, and the released code's way.

    python benchmarks/train_loading.py                       # the best device
    python benchmarks/train_loading.py --device cpu --batch 32 --json out.json

The released way, made again: the whole image is a PIL image in memory; per spot, a crop
around the centre, then torchvision's ColorJitter(0.5, 0.5, 0.5), RandomHorizontalFlip,
RandomRotation(180) and ToTensor on it, one after the other in the loader's own process
(``num_workers=0``), then stacked and sent to the device. Ours: patches cut once (before
the measurement), read from their file by threads, sent as bytes and changed in batches on
the device. Both end with a float batch on the device that the encoder could take. The
image is noise: the work doesn't depend on what it shows. Rounds of both take turns.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np


def released_batches(
    image: np.ndarray, centers: np.ndarray, options: Any
) -> Generator[Any, None, None]:
    """Yield batches as the released code's DataLoader does."""
    from PIL import Image
    from torch.utils.data import DataLoader, Dataset
    from torchvision import transforms

    half, picture = options.patch // 2, Image.fromarray(image)
    change = transforms.Compose(
        [
            transforms.ColorJitter(0.5, 0.5, 0.5),
            transforms.RandomHorizontalFlip(),
            transforms.RandomRotation(degrees=180),
            transforms.ToTensor(),
        ]
    )

    class Spots(Dataset):
        def __len__(self) -> int:
            return len(centers)

        def __getitem__(self, index: int) -> Any:
            x, y = centers[index].tolist()
            return change(picture.crop((x - half, y - half, x + half, y + half)))

    loader = DataLoader(Spots(), options.batch, shuffle=True, num_workers=0)
    while True:
        for batch in loader:
            yield batch.to(options.torch_device)


def our_batches(patches: np.ndarray, options: Any) -> Generator[Any, None, None]:
    """Yield batches as `train_model` does."""
    import torch

    from napari_stexp.train import TrainSettings
    from napari_stexp.train.augment import make_augmentation, seeded
    from napari_stexp.train.batches import plan_batches, read_ahead
    from napari_stexp.train.features import to_images

    settings = TrainSettings(batch_size=options.batch, epochs=100_000, workers=options.workers)
    augment = make_augmentation(settings)

    def read(batch: Any) -> Any:
        pixels = torch.from_numpy(patches[np.sort(batch.rows)][:, None])
        return pixels.pin_memory() if options.torch_device.type == "cuda" else pixels

    plan = plan_batches(np.arange(len(patches)), settings)
    with closing(read_ahead(read, plan, settings.workers)) as stream:
        for batch, pixels in stream:
            with seeded(0, batch.epoch, batch.step):
                images = augment(to_images(pixels, options.torch_device))
            yield images.contiguous(memory_format=torch.channels_last)


def rate(batches: Generator[Any, None, None], options: Any) -> float:
    """Count samples per second over some seconds, after a batch to warm up."""
    import torch

    def wait() -> None:
        if options.torch_device.type == "cuda":
            torch.cuda.synchronize()

    next(batches)
    wait()
    start, samples = time.perf_counter(), 0
    while time.perf_counter() - start < options.seconds:
        samples += len(next(batches))
        wait()
    return samples / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="auto")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--patch", type=int, default=224)
    parser.add_argument("--spots", type=int, default=700)
    parser.add_argument("--image", type=int, default=9500, help="side of the whole image, px")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="of a round of either way")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()

    import torch

    from napari_stexp.predict import choose_device
    from napari_stexp.predict.devices import describe_device

    options.torch_device = choose_device(options.device)
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (options.image, options.image, 3), np.uint8)
    half = options.patch // 2
    centers = rng.integers(half, options.image - half, (options.spots, 2))
    rounds: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "patches.npy"
        cut = [image[y - half : y + half, x - half : x + half] for x, y in centers]
        np.save(path, np.stack(cut))
        patches = np.load(path, mmap_mode="r")
        for _ in range(options.rounds):
            with (
                closing(released_batches(image, centers, options)) as theirs,
                closing(our_batches(patches, options)) as ours,
            ):
                rounds.append((rate(theirs, options), rate(ours, options)))
    released, own = (statistics.median(rates) for rates in zip(*rounds, strict=True))
    report = {
        "device": describe_device(options.torch_device),
        "threads": torch.get_num_threads(),
        "batch": options.batch,
        "patch_px": options.patch,
        "rounds": options.rounds,
        "released_samples_per_second": round(released, 1),
        "our_samples_per_second": round(own, 1),
        "times_faster": round(statistics.median(b / a for a, b in rounds), 2),
    }
    print(json.dumps(report, indent=1))
    if options.json:
        options.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
