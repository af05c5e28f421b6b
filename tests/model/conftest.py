"""A small but whole model."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse

from napari_stexp.model import (
    BundleHeader,
    InputContract,
    MclSTExp,
    ModelBundle,
    ModelSizes,
    ReferenceBank,
    Retrieval,
    SectionInfo,
    Thumbnails,
)

N_SPOTS, N_GENES = 30, 12


@pytest.fixture(scope="session")
def small_bank() -> ReferenceBank:
    rng = np.random.default_rng(7)
    section = np.repeat([0, 1, 2], N_SPOTS // 3).astype(np.int32)
    sections = (
        SectionInfo("A1", "A", "breast", "Spatial Transcriptomics", 10),
        SectionInfo("A2", "A", "breast", "Spatial Transcriptomics", 10),
        SectionInfo("B1", "B", "breast", "Spatial Transcriptomics", 10),
    )
    counts = rng.poisson(1.0, (N_SPOTS, N_GENES)).astype(np.float32)
    counts[3] = 0  # an empty spot
    counts[0, 0] = 70_000  # needs more than 16 bits
    return ReferenceBank(
        embeddings=rng.normal(size=(N_SPOTS, 16)).astype(np.float32),
        section=section,
        sections=sections,
        spot_ids=np.array([f"{i}x{i % 5}ü" for i in range(N_SPOTS)]),
        positions=np.stack([np.arange(N_SPOTS) % 4, np.arange(N_SPOTS) % 5], 1).astype(np.int32),
        centers=rng.uniform(0, 5000, (N_SPOTS, 2)),
        counts=sparse.csr_array(counts),
        thumbnails=Thumbnails.from_patches(
            rng.integers(0, 255, (N_SPOTS, 32, 32, 3), dtype=np.uint8), side=16
        ),
    )


@pytest.fixture(scope="session")
def small_bundle(small_bank: ReferenceBank) -> ModelBundle:
    torch.manual_seed(3)
    sizes = ModelSizes(projection=16, heads=2, head_width=4, n_positions=(4, 5))
    genes = tuple(f"GENE{i}" for i in range(N_GENES))
    header = BundleHeader(
        genes=genes,
        name="small",
        encoder="resnet18",
        sizes=sizes,
        input=InputContract(patch_px=32, mpp=0.5, mean=(0.7, 0.5, 0.7), std=(0.2, 0.2, 0.2)),
        retrieval=Retrieval(k=5, metric="l2"),
        sections=small_bank.sections,
        training={"epochs": 3},
    )
    model = MclSTExp("resnet18", N_GENES, (4, 5), projection=16, heads=2, head_width=4, patch_px=32)
    scores = pd.DataFrame(
        {"pcc_spot": np.linspace(-0.1, 0.6, N_GENES, dtype=np.float32)},
        index=pd.Index(genes, name="gene"),
    )
    return ModelBundle(header, model.state_dict(), small_bank, scores)
