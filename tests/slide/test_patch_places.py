"""Where patches lie on a slide, and in which order they are visited."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_stexp.slide import PatchReader, open_slide


def test_classify(exact_slide: Path) -> None:
    with open_slide(exact_slide) as slide:  # 2531 x 2219
        reader = PatchReader(slide, 224)
        centers = [
            (112.0, 112.0), (111.99, 112.0), (-111.0, 500.0), (-112.0, 500.0), (2419.0, 2107.0),
            (2420.0, 2107.0), (2642.9, 2330.9), (2643.0, 500.0), (float("nan"), 5.0), (1e300, 5.0),
        ]  # fmt: skip
        expected = ["ok", "border", "border", "outside", "ok",
                    "border", "border", "outside", "outside", "outside"]  # fmt: skip
        assert reader.classify(centers).tolist() == expected
        batch = reader.read(centers)
        assert batch.ok.all()
        for pixels, kind in zip(batch.pixels, expected, strict=True):
            assert (kind == "outside") == (pixels == 0).all()
        twice = PatchReader(slide, 224, 1.0)
        assert twice.classify([(223.0, 500.0), (224.0, 500.0)]).tolist() == ["border", "ok"]


@pytest.mark.parametrize("centers", [[1.0, 2.0], [[1.0, 2.0, 3.0]]])
def test_centres_of_another_shape_are_refused(exact_slide: Path, centers) -> None:
    with open_slide(exact_slide) as slide, pytest.raises(ValueError, match=r"not \(N, 2\)"):
        PatchReader(slide, 64).read(centers)


def test_order_keeps_tiles_together(tmp_path: Path) -> None:
    """Shuffled centres over a large slide, visited in order, need each tile about once."""
    x, y = np.meshgrid(np.arange(100, 19900, 200), np.arange(100, 19900, 200))
    centers = np.stack([x.ravel(), y.ravel()], 1)[np.random.default_rng(0).permutation(x.size)]
    path = tmp_path / "large.tif"
    tifffile.imwrite(
        path, iter([b""] * 79**2), shape=(20000, 20000, 3), dtype=np.uint8, tile=(256, 256),
        photometric="rgb", compression="zstd", metadata=None,
    )  # fmt: skip
    with open_slide(path) as slide:
        order = PatchReader(slide, 224).order(centers)
    assert sorted(order) == list(range(len(centers)))
    from collections import OrderedDict

    def loads(sequence, size: int = 300) -> int:
        kept: OrderedDict = OrderedDict()
        count = 0
        for x, y in sequence:
            for tile in {
                ((x + a) // 256, (y + b) // 256) for a in (-112, 111) for b in (-112, 111)
            }:
                if tile not in kept:
                    count += 1
                kept[tile] = kept.pop(tile, None)
                if len(kept) > size:
                    kept.popitem(last=False)
        return count

    assert loads(centers[order]) < 1.6 * 78**2
    assert loads(centers) > 3 * 78**2
