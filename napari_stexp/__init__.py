"""Predict spatial gene expression from H&E slides with mclSTExp, and browse it in napari.

The public names stand in ``__init__.pyi`` and load their room when first used: importing
this package loads neither torch, napari nor Qt. The rooms below do the same.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
