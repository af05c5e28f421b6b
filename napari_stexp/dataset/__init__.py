"""Measured sections made ready for training: chosen genes, raw counts, patches cut once.

Names load their module when first used, because most of them need torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
