"""What is written for other programs: QuPath, label columns in h5ad, SpatialData."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
