"""Where the time of a training step goes.

    python benchmarks/train_step.py                                 # the best device
    python benchmarks/train_step.py --device cpu --batch 32 --steps 5 --precision bf16-mixed

Trains with the paper's augmentation on noise that is read from a file, as a prepared data
set's patches are. It measures what a step waits for: the batch (threads read it during the
step before), the augmentation, forward (with the loss), backward, the optimiser, and what
is left. Waiting for the device after each of them is the measurement's own; without it a
step on a GPU is a little faster.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

GENES = 785
COMPUTE = ("forward", "backward", "optimiser")


def make_data(spots: int, patch: int, folder: Path) -> Any:
    """Make a section of noise whose patches lie in a file."""
    import pandas as pd
    from anndata import AnnData
    from scipy import sparse

    from napari_stexp.dataset import TrainingSet
    from napari_stexp.model import InputContract

    rng = np.random.default_rng(0)
    path = folder / "patches.npy"
    np.save(path, rng.integers(0, 256, (spots, 1, patch, patch, 3), np.uint8))
    genes = [f"gene-{i}" for i in range(GENES)]
    place = np.arange(spots)
    adata = AnnData(
        sparse.csr_matrix(rng.poisson(1.0, (spots, GENES)).astype(np.float32)),
        obs=pd.DataFrame(
            {"array_col": place % 64, "array_row": place // 64}, index=place.astype(str)
        ),
        var=pd.DataFrame(index=genes),
    )
    adata.uns["stexp_spots"] = {"section": "noise"}
    sections = [(np.load(path, mmap_mode="r"), adata)]
    return TrainingSet.from_arrays(sections, genes, InputContract(patch_px=patch))


class Stopwatch:
    """Seconds of named parts of a step, each until the device is done with it."""

    def __init__(self, device: Any) -> None:
        self.device = device
        self.parts: dict[str, float] = defaultdict(float)

    def __call__(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function, timed."""

        def timed(*args: Any, **options: Any) -> Any:
            self._wait()
            start = time.perf_counter()
            result = function(*args, **options)
            self._wait()
            self.parts[name] += time.perf_counter() - start
            return result

        return timed

    def take(self) -> dict[str, float]:
        """Return the parts of this step, and begin the next one."""
        parts, self.parts = self.parts, defaultdict(float)
        known = ("augmentation", *COMPUTE)
        parts["rest"] = parts.pop("step") - sum(parts[name] for name in known)
        return dict(parts)

    def _wait(self) -> None:
        import torch

        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def measure(data: Any, options: argparse.Namespace) -> dict[str, Any]:
    import torch

    from napari_stexp.model import Retrieval
    from napari_stexp.predict.devices import describe_device
    from napari_stexp.train import TrainSettings, trainer
    from napari_stexp.train.batches import plan_batches, read_ahead
    from napari_stexp.train.loop import start_fabric
    from napari_stexp.train.run import RunInputs

    settings = TrainSettings(
        encoder=options.encoder,
        batch_size=options.batch,
        precision=options.precision,
        epochs=100_000,
        workers=options.workers,
    )
    fabric = start_fabric(options.device, 1, settings.precision)
    training = trainer.Trainer(RunInputs(data, settings, Retrieval(k=1)), fabric)
    training.network.train()
    watch = Stopwatch(fabric.device)
    training._augmented = watch("augmentation", training._augmented)  # type: ignore[method-assign]
    training.network = watch("forward", training.network)
    trainer.contrastive_loss = watch("forward", trainer.contrastive_loss)
    fabric.backward = watch("backward", fabric.backward)  # type: ignore[method-assign]
    training.optimizer.step = watch("optimiser", training.optimizer.step)
    step = watch("step", training._step)
    steps = []
    plan = plan_batches(training.rows, settings)
    with closing(read_ahead(training._read, plan, settings.workers)) as stream:
        following = watch("waiting", lambda: next(stream))
        for _ in range(options.warm + options.steps):
            step(*following())
            steps.append(watch.take())
    steps = steps[options.warm :]
    total = statistics.median(sum(parts.values()) for parts in steps)
    names = ("waiting", "augmentation", *COMPUTE, "rest")
    shares = [sum(parts[name] for name in COMPUTE) / sum(parts.values()) for parts in steps]
    return {
        "device": describe_device(fabric.device),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "encoder": options.encoder,
        "precision": options.precision,
        "batch": options.batch,
        "patch_px": options.patch,
        "steps": len(steps),
        "step_seconds": round(total, 4),
        "samples_per_second": round(options.batch / total, 1),
        "seconds": {n: round(statistics.median(p[n] for p in steps), 4) for n in names},
        "compute_share": round(statistics.median(shares), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="auto")
    parser.add_argument("--encoder", default="densenet121")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--patch", type=int, default=224)
    parser.add_argument("--precision", default="32-true")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--warm", type=int, default=2, help="steps before the measured ones")
    parser.add_argument("--spots", type=int, help="default: eight batches")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = make_data(options.spots or 8 * options.batch, options.patch, Path(folder))
        report = measure(data, options)
    print(json.dumps(report, indent=1))
    if options.json:
        options.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
