#!/usr/bin/env python3
"""Check that prediction on a GPU agrees with the reference, and how fast it is.

Run it from the repository's root, on the machine with the GPU:

    python3 scripts/check_gpu.py                      # first CUDA GPU
    python3 scripts/check_gpu.py --device cpu         # the same code path without one

With the real HER2ST data at --data (default: $STEXP_DATA, else ../shared), section
C4 is predicted with the released-format checkpoint, and embeddings, neighbours,
weights and predictions are compared with the released code's outputs within the
tolerances below; then spots per second are measured in float32, TF32 and half
precision. Without the data, the sample slide is predicted on the device and on the
CPU, and the two are compared.

Only the package's core is needed: no napari, no Qt, no installation. Unpacking and
importing the checkpoint takes a minute and 1 GB of disk; --save-bundle FILE does
that alone, and --bundle FILE uses it, here or on another machine.
"""

from __future__ import annotations

import argparse
import json
import lzma
import os
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

REFERENCE_SECTIONS = ("C2", "C3", "C5", "C6")
K = 200
# What rounding can do, as measured when the reference was made (see the data's README).
EMBEDDINGS = 1e-4
HALF_EMBEDDINGS = 0.05
WEIGHTS = 1e-6
LARGEST, MEAN = 0.02, 1e-3
TINY_GAP = 1e-6  # between the similarities of the k-th and the next: below it, either may be taken


@dataclass(frozen=True)
class Finding:
    """One comparison: what was compared, the difference found, the largest allowed."""

    what: str
    found: float
    limit: float

    @property
    def passed(self) -> bool:
        """Whether the difference is within the limit."""
        return bool(self.found <= self.limit)  # NaN fails


# ---- the real data ---------------------------------------------------------------------------


def import_bundle(her2st: Path, checkpoint: Path | None = None) -> Any:
    """Import the released-format checkpoint with its four reference sections."""
    from napari_stexp.model import read_gene_list
    from napari_stexp.progress import exhaust
    from napari_stexp.spots import read_reference
    from napari_stexp.train import import_released

    genes = read_gene_list(her2st / "genes" / "her_hvg_cut_1000.npy")
    sections = read_reference([f"{her2st}:{','.join(REFERENCE_SECTIONS)}"])
    with tempfile.TemporaryDirectory() as folder:
        if checkpoint is None:
            checkpoint = Path(folder) / "best_0.pt"
            with (
                lzma.open(her2st / "reference" / "best_0.pt.xz") as packed,
                checkpoint.open("wb") as file,
            ):
                shutil.copyfileobj(packed, file, 1 << 22)
        return exhaust(import_released(checkpoint, genes, sections, windowing="sequence32", k=K))


def open_c4(her2st: Path) -> tuple[Any, Any]:
    """Open section C4: its slide, and its spots in the order of the reference outputs."""
    from napari_stexp.slide import open_slide
    from napari_stexp.spots import read_spots

    picture = next((her2st / "data" / "ST-imgs" / "C" / "C4").glob("*.jpg"))
    spots = read_spots(her2st / "data" / "ST-spotfiles" / "C4_selection.tsv")
    names = load_reference(her2st)["spot_id_C4"]
    return open_slide(picture), spots[names].copy()


def load_reference(her2st: Path) -> dict[str, Any]:
    """Load the released code's outputs."""
    with np.load(her2st / "reference" / "reference.npz", allow_pickle=False) as arrays:
        return dict(arrays)


def compare_bank(bundle: Any, reference: dict[str, Any]) -> Iterator[Finding]:
    """Compare the imported reference bank: embeddings, and expression on both scales."""
    bank = bundle.bank
    yield Finding(
        "bank: embeddings", _largest(bank.embeddings - reference["spot_embeddings"]), EMBEDDINGS
    )
    for scale, key in (("gene", "expression_key"), ("spot", "expression_key_spotnorm")):
        difference = bank.expression_matrix(scale) - reference[key]
        yield Finding(f"bank: expression per {scale}", _largest(difference), 1e-5)


def compare_c4(
    slide: Any, spots: Any, bundle: Any, reference: dict[str, Any], device: str
) -> Iterator[Finding]:
    """Compare C4 step by step, then end to end, on a device."""
    from napari_stexp.predict import PredictParams, choose_device, predict_spots
    from napari_stexp.progress import exhaust

    torch_device = choose_device(device)
    embeddings = embed_c4(slide, spots, bundle, torch_device)
    expected = reference["image_embeddings_C4"]
    yield Finding("C4: image embeddings", _largest(embeddings - expected), EMBEDDINGS)
    for metric in ("l1", "l2"):
        yield from compare_neighbours(embeddings, bundle, reference, metric, torch_device)
    for scale, suffix in (("gene", ""), ("spot", "_spotnorm")):
        for metric in ("l1", "l2"):
            params = PredictParams(k=K, metric=metric, scale=scale, device=device)
            with warnings.catch_warnings():  # C4's siblings are the reference, as in the release
                warnings.filterwarnings("ignore", "The model's reference holds 4 other sections")
                adata = exhaust(predict_spots(slide, spots, bundle, params))
            difference = adata.X - reference[f"pred_{metric}{suffix}_C4"]
            name = f"C4: prediction per {scale}, {metric}"
            yield Finding(f"{name}, largest", _largest(difference), LARGEST)
            yield Finding(f"{name}, mean", float(np.abs(difference).mean()), MEAN)


def compare_neighbours(
    embeddings: Any, bundle: Any, reference: dict[str, Any], metric: str, device: Any
) -> Iterator[Finding]:
    """Compare neighbours as sets and weights spot by spot; check that weights tell l1 from l2."""
    from napari_stexp.predict import retrieve

    found = retrieve(embeddings, bundle.bank.embeddings, K, metric, device=device)
    theirs = reference["topk_C4"].astype(np.int64)
    gaps = reference["topk_gap_C4"]
    swaps = np.array([len(set(a) - set(b)) for a, b in zip(found.indices, theirs, strict=True)])
    unexplained = int((swaps > (gaps < TINY_GAP)).sum())
    yield Finding(f"C4: neighbours that differ, {metric}", unexplained, 0)
    same = swaps == 0
    ours = _by_reference_spot(found.indices, found.weights)[same]
    for other in ("l1", "l2"):
        expected = _by_reference_spot(theirs, reference[f"weights_{other}_C4"])[same]
        difference = _largest(ours - expected)
        if other == metric:
            yield Finding(f"C4: weights, {metric}", difference, WEIGHTS)
        elif difference <= 10 * WEIGHTS:  # else the comparison above couldn't tell
            yield Finding(f"C4: weights {metric} are those of {other}", np.nan, WEIGHTS)


def embed_c4(slide: Any, spots: Any, bundle: Any, device: Any, precision: str = "float32") -> Any:
    """Embed C4's patches as the engine does, (184, 256)."""
    from napari_stexp.predict import PatchEncoder

    encoder = PatchEncoder(bundle, device, precision=precision)
    return encoder.embed_parallel(read_patches(slide, spots, bundle))


def read_patches(slide: Any, spots: Any, bundle: Any) -> Any:
    """Read the patches of all spots as the engine does, (N, p, p, 3) uint8."""
    from napari_stexp.predict import make_plan
    from napari_stexp.slide import PatchReader

    plan, contract = make_plan(slide, spots, bundle), bundle.header.input
    reader = PatchReader(plan.slide, contract.patch_px, contract.mpp, fill=contract.fill)
    return reader.read(plan.centers).pixels


def _by_reference_spot(indices: Any, weights: Any) -> Any:
    """Spread (M, k) weights over the reference spots: near-equal neighbours may change places."""
    spread = np.zeros((len(indices), int(indices.max()) + 1))
    np.put_along_axis(spread, indices, weights.astype(float), axis=1)
    return spread


def _largest(difference: Any) -> float:
    return float(np.abs(difference).max()) if difference.size else np.nan


# ---- the sample data -------------------------------------------------------------------------


def compare_sample(folder: Path, device: str) -> Iterator[Finding]:
    """Compare the device with the CPU on the sample slide."""
    from napari_stexp.predict import PredictParams, predict_spots
    from napari_stexp.progress import exhaust

    slide, spots, bundle = open_sample(folder)
    params = PredictParams(device=device)
    results = [
        exhaust(predict_spots(slide, spots, bundle, replace(params, device=name)))
        for name in (device, "cpu")
    ]
    difference = results[0].X - results[1].X
    good = np.isfinite(results[1].X).all(axis=1)
    yield Finding("sample: spots without a value", float((~good).sum()), 0.05 * len(good))
    yield Finding(f"sample: {device} against cpu, largest", _largest(difference[good]), LARGEST)
    yield Finding(f"sample: {device} against cpu, mean", np.abs(difference[good]).mean(), MEAN)


def open_sample(folder: Path) -> tuple[Any, Any, Any]:
    """Open the sample's slide, spots and bundle."""
    from napari_stexp.model import load_bundle
    from napari_stexp.slide import open_slide
    from napari_stexp.spots import read_spots

    found = [sorted(folder.glob(end)) for end in ("*.ome.tif", "*.h5ad", "*.safetensors")]
    if not all(found):
        raise SystemExit(f"neither the HER2ST data nor sample data are there: {folder}")
    return open_slide(found[0][0]), read_spots(found[1][0]), load_bundle(found[2][0])


# ---- speed -----------------------------------------------------------------------------------


def measure_speed(slide: Any, spots: Any, bundle: Any, device: str) -> dict[str, Any]:
    """Spots per second: end to end, and of the encoder alone in each precision."""
    from napari_stexp.predict import PatchEncoder, PredictParams, choose_device, predict_spots
    from napari_stexp.predict.encoding import PRECISIONS
    from napari_stexp.progress import exhaust

    torch_device = choose_device(device)
    pixels = read_patches(slide, spots, bundle)
    speeds: dict[str, Any] = {}
    exact = None
    for precision in PRECISIONS if torch_device.type == "cuda" else PRECISIONS[:1]:
        encoder = PatchEncoder(bundle, torch_device, precision=precision)
        many = np.concatenate([pixels] * (8 if torch_device.type == "cuda" else 1))
        embeddings = encoder.embed_parallel(many[: len(pixels)])  # also chooses kernels
        exact = embeddings if exact is None else exact
        start = time.perf_counter()
        encoder.embed_parallel(many)
        speeds[f"encoder, {precision}"] = {
            "spots_per_second": round(len(many) / (time.perf_counter() - start), 1),
            "batch_size": encoder.batch_size,
            "largest_difference_of_embeddings": _largest(embeddings - exact),
        }
    for half in (False, True) if torch_device.type == "cuda" else (False,):
        params = PredictParams(device=device, half=half)
        start = time.perf_counter()
        first = None
        task = predict_spots(slide, spots, bundle, params)

        def note(progress: Any) -> None:
            nonlocal first
            if progress.new is not None and first is None:
                first = time.perf_counter()

        exhaust(task, note)
        seconds = time.perf_counter() - start
        speeds["end to end, half" if half else "end to end, float32"] = {
            "spots_per_second": round(len(pixels) / seconds, 1),
            "seconds": round(seconds, 2),
            "first_result_after_seconds": round((first or start) - start, 2),
        }
    return speeds


# ---- the command -----------------------------------------------------------------------------


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    her2st = options.data / "her2st"
    real = (her2st / "reference" / "reference.npz").is_file()
    if options.save_bundle:
        from napari_stexp.model import save_bundle

        print(save_bundle(import_bundle(her2st), options.save_bundle))
        return 0
    from napari_stexp.predict import choose_device
    from napari_stexp.predict.devices import describe_device

    device = choose_device(options.device)
    report: dict[str, Any] = {"device": f"{device}: {describe_device(device)}"}
    print(report["device"])
    if real:
        from napari_stexp.model import load_bundle

        reference = load_reference(her2st)
        bundle = load_bundle(options.bundle) if options.bundle else import_bundle(her2st)
        slide, spots = open_c4(her2st)
        findings = [*compare_bank(bundle, reference)]
        findings += compare_c4(slide, spots, bundle, reference, str(device))
    else:
        print(f"no HER2ST data at {her2st}: comparing the sample prediction with the CPU's")
        slide, spots, bundle = open_sample(options.sample)
        findings = [*compare_sample(options.sample, str(device))]
    report["speed"] = measure_speed(slide, spots, bundle, str(device))
    half = report["speed"].get("encoder, half")
    if half:
        findings.append(
            Finding(
                "half precision against float32: embeddings",
                half["largest_difference_of_embeddings"],
                HALF_EMBEDDINGS,
            )
        )
    report["findings"] = [asdict(f) | {"passed": f.passed} for f in findings]
    show(report, findings)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1))
    return 0 if all(finding.passed for finding in findings) else 1


def show(report: dict[str, Any], findings: list[Finding]) -> None:
    """Print findings and speeds."""
    for finding in findings:
        mark = "agrees " if finding.passed else "DIFFERS"
        print(f"{mark} {finding.what}: {finding.found:.3g} (at most {finding.limit:g})")
    for name, facts in report["speed"].items():
        details = ", ".join(f"{key} {value:g}" for key, value in facts.items())
        print(f"{name}: {details}")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1, mps or cpu")
    parser.add_argument(
        "--data", type=Path, default=Path(os.environ.get("STEXP_DATA", ROOT.parent / "shared"))
    )
    parser.add_argument("--sample", type=Path, default=ROOT / "sample_data")
    parser.add_argument("--bundle", type=Path, help="the checkpoint, imported before")
    parser.add_argument("--save-bundle", type=Path, help="import the checkpoint, save it, and stop")
    parser.add_argument("--json", type=Path, help="also write the report here")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
