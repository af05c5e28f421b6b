"""How fast prediction is: the image encoder by batch size, the search by size of the bank.

    python benchmarks/predict_throughput.py                  # both, on the best device
    python benchmarks/predict_throughput.py --device cpu --only retrieval --json out.json

The encoder is DenseNet-121 with random weights (speed doesn't depend on them), on noise
of 224 px, in batches beside each other as the engine runs them, and for comparison one
after the other with torch's own threads. The search is exact, k = 200 of 256-wide
embeddings: random ones, which for an exact search are as good as any; the time of
scikit-learn's brute-force search is given where its matrix of similarities fits.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

K, WIDTH, GENES, PATCH = 200, 256, 785, 224
BANKS = (1_000, 10_000, 100_000, 1_000_000)
BATCHES = {"cpu": (1, 2, 4, 8, 16), "mps": (8, 32, 64), "cuda": (16, 64, 256, 512)}
SECONDS = 3.0


def best_rate(run: Callable[[], int]) -> float:
    """Units per second of the best of several runs in a few seconds; ``run`` returns its units."""
    run()
    best, end = 0.0, time.perf_counter() + SECONDS
    while True:
        start = time.perf_counter()
        units = run()
        now = time.perf_counter()
        best = max(best, units / (now - start))
        if now > end:
            return best


def make_bundle() -> Any:
    """Make a bundle of a random DenseNet-121 and a bank of one spot, which isn't used."""
    import torch
    from scipy import sparse

    from napari_stexp import model

    torch.manual_seed(0)
    genes = tuple(f"gene-{i}" for i in range(GENES))
    sections = (model.SectionInfo(name="none", n_spots=1),)
    network = model.MclSTExp("densenet121", GENES, (1, 1), spot_side=False)
    bank = model.ReferenceBank(
        embeddings=np.ones((1, WIDTH), np.float32),
        section=np.zeros(1, np.int32),
        sections=sections,
        spot_ids=np.array(["none"]),
        positions=np.zeros((1, 2), np.int32),
        centers=np.zeros((1, 2)),
        counts=sparse.csr_array(np.ones((1, GENES), np.float32)),
    )
    header = model.BundleHeader(genes=genes, sections=sections)
    return model.ModelBundle(header, network.state_dict(), bank)


def measure_encoder(device: Any) -> list[dict[str, Any]]:
    """Patches per second by batch size and, on CUDA, precision."""
    from napari_stexp.predict import PatchEncoder
    from napari_stexp.predict.encoding import PRECISIONS

    bundle, rows = make_bundle(), []
    rng = np.random.default_rng(0)
    for precision in PRECISIONS if device.type == "cuda" else ("float32",):
        for size in BATCHES[device.type]:
            encoder = PatchEncoder(bundle, device, batch_size=size, precision=precision)
            pixels = rng.integers(0, 256, (4 * size, PATCH, PATCH, 3)).astype(np.uint8)
            rows.append(
                {
                    "precision": precision,
                    "batch_size": size,
                    "patches_per_second": round(
                        best_rate(lambda e=encoder, p=pixels: len(e.embed_parallel(p))), 1
                    ),
                    "one_after_the_other": round(
                        best_rate(lambda e=encoder, p=pixels: len(e.embed(p))), 1
                    ),
                }
            )
            print("encoder", rows[-1], flush=True)
    return rows


def measure_retrieval(device: Any) -> list[dict[str, Any]]:
    """Time the search by size of the bank, in batches of 4 and of 256 queries."""
    from napari_stexp.predict import Retriever

    rng, rows = np.random.default_rng(0), []
    for size in BANKS:
        bank = rng.standard_normal((size, WIDTH), dtype=np.float32)
        query = rng.standard_normal((256, WIDTH), dtype=np.float32)
        start = time.perf_counter()
        retriever = Retriever(bank, K, device=device)
        row = {"bank": size, "ready_after_seconds": round(time.perf_counter() - start, 2)}
        for batch in (4, 256):
            part = query[:batch]
            row[f"queries_per_second_by_{batch}"] = round(
                best_rate(lambda r=retriever, p=part: len(r.find(p).indices)), 1
            )
        if size <= 100_000:
            row["scikit_learn"] = measure_peer(bank, query)
        row["peak_memory_mb"] = round(peak_memory_mb())
        rows.append(row)
        print("retrieval", row, flush=True)
    return rows


def measure_peer(bank: Any, query: Any) -> float | None:
    """Time scikit-learn's brute-force cosine search (float32, no weights)."""
    try:
        from sklearn.neighbors import NearestNeighbors
    except ImportError:
        return None
    search = NearestNeighbors(n_neighbors=K, algorithm="brute", metric="cosine").fit(bank)
    return round(best_rate(lambda: len(search.kneighbors(query)[0])), 1)


def peak_memory_mb() -> float:
    """Largest resident memory of this process so far, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="auto")
    parser.add_argument("--only", choices=("encoder", "retrieval"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()

    from napari_stexp.predict import choose_device
    from napari_stexp.predict.devices import describe_device

    device = choose_device(options.device)
    report: dict[str, Any] = {"device": f"{device}: {describe_device(device)}"}
    print(report["device"])
    if options.only != "retrieval":
        report["encoder"] = measure_encoder(device)
    if options.only != "encoder":
        report["retrieval"] = measure_retrieval(device)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
