"""OME-Zarr (OME-NGFF v0.4 and v0.5): pyramids of RGB images in Zarr stores."""
