"""Score models with their reference bank embedded under each windowing.

Which spots attend to each other in the bank is a choice of its own: a trained network is
taken as it is, and only the bank is made anew. For every model and every held-out section,
ACG and HEG (per spot) are printed for each windowing; where the order of the sections
matters, for several orders::

    python scripts/compare_windowings.py DATA MODEL [MODEL ...] [--sections C4]

Without --sections each model is scored on the sections of DATA that it hasn't seen.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from napari_stexp.dataset import Dataset, Reference, open_dataset
from napari_stexp.model import WINDOWINGS, MclSTExp, ModelBundle, load_bundle
from napari_stexp.predict import choose_device
from napari_stexp.progress import exhaust
from napari_stexp.study.features import PatchDescriber
from napari_stexp.train.banking import bank_of
from napari_stexp.train.validation import retrieval_score

N_ORDERS = 5


def orders(training: Reference, windowing: str) -> Iterator[Reference]:
    """Give the sections in several orders, where that makes a difference."""
    yield training
    random = np.random.default_rng(0)
    for _ in range(N_ORDERS - 1 if windowing == "sequence32" else 0):
        shuffled = random.permutation(len(training.slices))
        rows = [np.arange(*training.slices[i].indices(len(training))) for i in shuffled]
        yield training.take(np.concatenate(rows))


def score(
    bundle: ModelBundle, model: MclSTExp, data: Dataset, name: str, windowing: str
) -> list[tuple[float, float]]:
    """Return (ACG, HEG) of one section, for each order of the reference."""
    part = data.select([name], genes=bundle.genes)
    training = data.select([s.name for s in bundle.bank.sections], genes=bundle.genes).reference
    images = exhaust(PatchDescriber(bundle, choose_device("auto")).describe(part)).embeddings
    rows = np.flatnonzero(part.usable)
    retrieval = replace(bundle.header.retrieval, scale="spot")
    scores = []
    for reference in orders(training, windowing):
        bank = bank_of(model, reference, windowing)
        numbers = retrieval_score(images[rows], bank, part.reference, rows, retrieval)
        scores.append((numbers["acg_pcc_spot"], numbers["heg_pcc_spot"]))
    return scores


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", help="folder of a data set")
    parser.add_argument("models", nargs="+", help="model bundles")
    parser.add_argument("--sections", default="", help="held-out sections, such as C4,B4")
    args = parser.parse_args()
    data = open_dataset(args.data)
    means: dict[str, list[float]] = {windowing: [] for windowing in WINDOWINGS}
    print("model\tsection\twindowing\tACG\tHEG\tACG over orders")
    for path in args.models:
        bundle = load_bundle(path)
        model = bundle.build_model(image_only=False)
        seen = {section.name for section in bundle.bank.sections}
        for name in [n for n in args.sections.split(",") if n] or sorted(set(data.names) - seen):
            for windowing in WINDOWINGS:
                scores = score(bundle, model, data, name, windowing)
                acg, heg = np.mean(scores, axis=0)
                low, high = np.min(scores, axis=0)[0], np.max(scores, axis=0)[0]
                trained = " *" if windowing == bundle.header.windowing else ""
                spread = f"{low:.4f}-{high:.4f}" if len(scores) > 1 else ""
                print(f"{path}\t{name}\t{windowing}{trained}\t{acg:.4f}\t{heg:.4f}\t{spread}")
                means[windowing].append(float(acg))
    print("* as stored in the model")
    for windowing, values in means.items():
        print(f"mean\tall\t{windowing}\t{np.mean(values):.4f}")


if __name__ == "__main__":
    main()
