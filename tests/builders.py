"""Files that several rooms' tests are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

if TYPE_CHECKING:
    from napari_stexp.model import ModelBundle


def write_ome_tiff(path: Path, image: np.ndarray, mpp: float, tile: int = 128) -> Path:
    """Write an RGB image (h, w, 3) uint8 as a tiled OME-TIFF of ``mpp`` µm per pixel."""
    scale: dict[str, Any] = {f"PhysicalSize{axis}": mpp for axis in "XY"}
    scale |= {f"PhysicalSize{axis}Unit": "µm" for axis in "XY"}
    tifffile.imwrite(
        path, image, tile=(tile, tile), photometric="rgb", metadata={"axes": "YXS", **scale}
    )
    return path


def build_tiny_bundle(
    genes: Sequence[str],
    sections: Mapping[str, int],
    *,
    input: Mapping[str, Any],
    retrieval: Mapping[str, Any] | None = None,
    organ: str = "",
    seed: int = 0,
    rng: np.random.Generator | None = None,
    **changes: Any,
) -> ModelBundle:
    """Make a bundle of a ResNet-18 with random weights and a random reference bank.

    Parameters
    ----------
    genes : sequence of str
    sections : mapping
        Name -> number of reference spots; the name's first letter is the patient.
    input : mapping
        Fields of the input contract.
    retrieval : mapping, optional
        Fields of the retrieval; k is 5.
    organ : str
        Of all sections.
    seed : int
        Of the weights, and of the bank without ``rng``.
    rng : Generator, optional
    **changes
        Other fields of the header.
    """
    import torch
    from scipy import sparse

    from napari_stexp import model

    torch.manual_seed(seed)
    rng = np.random.default_rng(seed) if rng is None else rng
    n, width, contract = sum(sections.values()), 16, model.InputContract(**input)
    infos = tuple(
        model.SectionInfo(name=name, patient=name[0], organ=organ, n_spots=count)
        for name, count in sections.items()
    )
    header = model.BundleHeader(
        name="tiny",
        encoder="resnet18",
        genes=tuple(genes),
        sizes=model.ModelSizes(projection=width, n_positions=(8, 8)),
        input=contract,
        retrieval=model.Retrieval(**{"k": 5} | dict(retrieval or {})),
        sections=infos,
        **changes,
    )
    network = model.MclSTExp(
        "resnet18",
        len(genes),
        (8, 8),
        projection=width,
        patch_px=contract.patch_px,
        context=contract.n_fields,
    )
    bank = model.ReferenceBank(
        embeddings=rng.normal(size=(n, width)).astype(np.float32),
        section=np.repeat(np.arange(len(infos)), list(sections.values())).astype(np.int32),
        sections=infos,
        spot_ids=np.array([f"s{i}" for i in range(n)]),
        positions=np.zeros((n, 2), np.int32),
        centers=np.zeros((n, 2)),
        counts=sparse.csr_array(rng.poisson(3.0, (n, len(genes))).astype(np.float32)),
    )
    return model.ModelBundle(header=header, state=network.state_dict(), bank=bank)


class StrictHTML(HTMLParser):
    """Fail on a tag that isn't closed or closes nothing, and keep what a test may ask for."""

    VOID = frozenset({"meta", "img", "br", "link", "input", "hr"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    @classmethod
    def read(cls, path: Path) -> tuple[str, StrictHTML]:
        """Return a file's text, and what was parsed of it."""
        text = path.read_text(encoding="utf-8")
        parser = cls()
        parser.feed(text)
        parser.close()
        assert parser.open == []
        return text, parser

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag
