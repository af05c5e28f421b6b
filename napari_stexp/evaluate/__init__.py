"""Compare predictions with measurements: metrics per gene and overall, each with its scale."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
