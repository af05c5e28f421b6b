"""mclSTExp: its modules, encoders, reference bank, bundle file and released checkpoints.

Names load their module when first used, because most of them need torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_stexp.model.bank import ReferenceBank, Thumbnails
    from napari_stexp.model.bundle import ModelBundle
    from napari_stexp.model.bundle_file import load_bundle, read_bundle_header, save_bundle
    from napari_stexp.model.encoders import build_encoder
    from napari_stexp.model.expression import log_normalize, log_normalize_sparse
    from napari_stexp.model.genes import check_genes, read_gene_list
    from napari_stexp.model.header import (
        CITATION,
        ENCODERS,
        INTENDED_USE,
        WINDOWINGS,
        BundleHeader,
        InputContract,
        ModelSizes,
        Retrieval,
        SectionInfo,
    )
    from napari_stexp.model.mclstexp import MclSTExp
    from napari_stexp.model.preprocess import ImagePreprocessor
    from napari_stexp.model.released import read_released_state_dict

_EXPORTS = {
    "BundleHeader": "header",
    "CITATION": "header",
    "ENCODERS": "header",
    "INTENDED_USE": "header",
    "ImagePreprocessor": "preprocess",
    "InputContract": "header",
    "MclSTExp": "mclstexp",
    "ModelBundle": "bundle",
    "ModelSizes": "header",
    "ReferenceBank": "bank",
    "Retrieval": "header",
    "SectionInfo": "header",
    "Thumbnails": "bank",
    "WINDOWINGS": "header",
    "build_encoder": "encoders",
    "check_genes": "genes",
    "load_bundle": "bundle_file",
    "log_normalize": "expression",
    "log_normalize_sparse": "expression",
    "read_bundle_header": "bundle_file",
    "read_gene_list": "genes",
    "read_released_state_dict": "released",
    "save_bundle": "bundle_file",
}

__all__ = [
    "CITATION",
    "ENCODERS",
    "INTENDED_USE",
    "WINDOWINGS",
    "BundleHeader",
    "ImagePreprocessor",
    "InputContract",
    "MclSTExp",
    "ModelBundle",
    "ModelSizes",
    "ReferenceBank",
    "Retrieval",
    "SectionInfo",
    "Thumbnails",
    "build_encoder",
    "check_genes",
    "load_bundle",
    "log_normalize",
    "log_normalize_sparse",
    "read_bundle_header",
    "read_gene_list",
    "read_released_state_dict",
    "save_bundle",
]


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        return getattr(importlib.import_module(f"{__name__}.{_EXPORTS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
