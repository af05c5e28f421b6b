"""One module for each kind of file that a slide comes in.

Each opens a file as an `OpenedFile`: its levels, tile by tile, and what it says
about itself. `napari_stexp.slide.opening` chooses which.
"""
