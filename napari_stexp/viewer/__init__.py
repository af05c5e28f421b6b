"""napari without Qt: layers that follow a session, colours, readers, writers, sample data.

The functions that the manifest names import napari, dask and anndata only when called, so
that the plugin adds nothing to napari's start.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
