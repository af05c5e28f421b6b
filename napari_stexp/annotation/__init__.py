"""Pathologists' regions: read and written as QuPath's GeoJSON, and which spot lies in which.

All coordinates are (x, y) in level-0 pixels of the slide, origin at the top left.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
