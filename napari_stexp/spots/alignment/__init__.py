"""Placing spots on a slide that they weren't measured in the pixels of.

Transforms are 3 x 3 matrices on (x, y): from the positions that a file holds (the spots' own
frame) to level-0 pixels of the slide.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
