"""Several pictures of the spots beside each other, in the place of napari's canvas."""
