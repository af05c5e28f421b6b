"""Spots as AnnData: HER2ST and cSCC tables, Space Ranger folders, h5ad, virtual grids.

Every function here returns or takes an :class:`anndata.AnnData` with

- ``obs_names``: barcodes, unique;
- ``obsm['spatial']``: (N, 2) float64, (x, y) in level-0 pixels of the slide;
- ``obs['array_col' | 'array_row']``: int64 array position where known (HER2ST's x and y);
- ``X``: raw counts, csr float32 (N, G), or (N, 0) for spots without measurement;
- ``uns['spatial'][library]['scalefactors']['spot_diameter_fullres']``: level-0 pixels;
- ``uns['stexp_spots']``: technology, section, patient, organ, pitch_um, diameter_um, source,
  each absent where unknown;
- ``obs['label']``: a pathologist's label (categorical, missing where none), where known.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
