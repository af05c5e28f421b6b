"""TIFF slides: their structure, their pages as levels, and what the pixels mean.

What scanners do differently lies beside this folder: `ndpi`, `scn`, `bif`, `philips`, `ome`.
"""
