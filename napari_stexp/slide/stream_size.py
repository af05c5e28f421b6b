"""The size that a compressed tile claims to have, read from its header alone."""

from __future__ import annotations

import struct

__all__ = ["claimed_size"]

_J2K = b"\xff\x4f\xff\x51"  # start of a JPEG 2000 codestream, and its SIZ segment
_JP2 = b"\0\0\0\x0cjP  "
_PNG = b"\x89PNG\r\n\x1a\n"
#: JPEG markers that start a frame (SOF0 to SOF15, less the four that mean something else).
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BARE = {0x01, *range(0xD0, 0xD9)}  # markers without a segment


def claimed_size(data: bytes) -> tuple[int, int] | None:
    """Return height and width that a JPEG, JPEG 2000 or PNG stream claims, None for others.

    A decoder takes the memory that the header asks for: in a damaged file that can be
    gigabytes for a tile of 256 px.
    """
    try:
        if data.startswith(b"\xff\xd8"):
            return _jpeg(data)
        if data.startswith(_J2K):
            return _codestream(data, 0)
        if data.startswith(_JP2):
            at = data.find(_J2K, 0, 65536)
            return _codestream(data, at) if at >= 0 else None
        if data.startswith(_PNG):
            width, height = struct.unpack_from(">II", data, 16)
            return height, width
    except struct.error:
        pass
    return None


def _jpeg(data: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return height, width
        if marker in (0xDA, 0xD9):
            return None
        at += 2 if marker in _BARE else 2 + struct.unpack_from(">H", data, at + 2)[0]
    return None


def _codestream(data: bytes, at: int) -> tuple[int, int]:
    right, lower, left, top = struct.unpack_from(">IIII", data, at + 8)
    return max(lower - top, 0), max(right - left, 0)
