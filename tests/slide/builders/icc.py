"""Colour profiles."""

from __future__ import annotations

from PIL import ImageCms


def other_profile() -> bytes:
    """sRGB with red and blue exchanged, which is a valid profile of RGB."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(data[128:132], "big")
    where = {bytes(data[132 + 12 * n : 136 + 12 * n]): 136 + 12 * n for n in range(count)}
    red, blue = where[b"rXYZ"], where[b"bXYZ"]
    data[red : red + 8], data[blue : blue + 8] = data[blue : blue + 8], data[red : red + 8]
    return bytes(data)
