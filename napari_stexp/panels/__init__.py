"""Qt dock widgets and workers: the only room that knows qtpy."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
