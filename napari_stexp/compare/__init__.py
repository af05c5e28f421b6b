"""A prediction next to the pathologist's reading of the slide, and next to what was measured.

Which genes mark a region, how spatial domains agree with labels, and the report of both.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
