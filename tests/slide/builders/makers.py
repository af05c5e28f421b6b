"""Aperio SVS, Leica SCN, Ventana BIF, Philips TIFF and OME-TIFF in several files, with tifffile."""

from __future__ import annotations

import base64
import io
import uuid
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

_LOSSLESS = {"compression": "zlib", "photometric": "rgb", "metadata": None}


def halve(image: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(image).reduce(2))


def write_svs(path: Path, image: np.ndarray, *, levels: int = 2, **options) -> Path:
    """Write levels, each half as large, with the thumbnail behind the first."""
    words = f"Aperio Image Library v11\r\n{image.shape[1]}x{image.shape[0]}|AppMag = 20|MPP = 0.5"
    options = {"photometric": "rgb", "metadata": None, "compression": "zlib", **options}
    with tifffile.TiffWriter(path) as writer:
        for n in range(levels):
            writer.write(image, tile=(128, 128), description=words, **options)
            image = halve(image)
            if n == 0:
                writer.write(image[::4, ::4], description=words, rowsperstrip=16, **_LOSSLESS)
    return path


def write_scn(path: Path, areas: Sequence[tuple[int, int, np.ndarray]], levels: int = 2) -> Path:
    """Write scanned areas at (x, y) of a glass of 4,000 x 3,000 px of 500 nm."""
    nm, glass = 500, (4000, 3000)
    pages: list[np.ndarray] = [np.full((150, 200, 3), 222, np.uint8)]
    images = [_scn_image(0, 0, *glass, nm, [(200, 150, 0)], "macro", "1.25")]
    for n, (x, y, image) in enumerate(areas):
        dimensions = []
        for _ in range(levels):
            dimensions.append((image.shape[1], image.shape[0], len(pages)))
            pages.append(image)
            image = halve(image)  # noqa: PLW2901  the next level
        height, width = areas[n][2].shape[:2]
        images.append(_scn_image(x, y, width, height, nm, dimensions, f"image {n}", "20"))
    xml = (
        '<?xml version="1.0"?><scn xmlns="http://www.leica-microsystems.com/scn/2010/10/01">'
        f'<collection name="slide" sizeX="{glass[0] * nm}" sizeY="{glass[1] * nm}">'
        "<barcode>QUJD</barcode>" + "".join(images) + "</collection></scn>"
    )
    with tifffile.TiffWriter(path, bigtiff=True) as writer:
        for n, page in enumerate(pages):
            writer.write(
                page, tile=(128, 128), description=xml if n == 0 else None,
                subfiletype=0, **_LOSSLESS,
            )  # fmt: skip
    return path


def _scn_image(x, y, width, height, nm, dimensions, name, objective) -> str:
    rows = "".join(
        f'<dimension sizeX="{w}" sizeY="{h}" r="{r}" ifd="{ifd}"/>'
        for r, (w, h, ifd) in enumerate(dimensions)
    )
    return (
        f'<image name="{name}"><creationDate>2016-01-02T03:04:05.67Z</creationDate>'
        '<device model="Leica SCN400" version="1"/>'
        f'<pixels sizeX="{dimensions[0][0]}" sizeY="{dimensions[0][1]}">{rows}</pixels>'
        f'<view sizeX="{width * nm}" sizeY="{height * nm}" offsetX="{x * nm}" '
        f'offsetY="{y * nm}" spacingZ="0"/><scanSettings><objectiveSettings><objective>{objective}'
        "</objective></objectiveSettings><illuminationSettings><numericalAperture>0.4"
        "</numericalAperture><illuminationSource>brightfield</illuminationSource>"
        "</illuminationSettings></scanSettings></image>"
    )


def write_bif(path: Path, image: np.ndarray, *, overlap: int = 0, levels: int = 2) -> Path:
    """Write a grid of 128 px tiles; ``overlap`` is what its XML says of neighbours."""
    tile = 128
    rows, cols = -(-image.shape[0] // tile), -(-image.shape[1] // tile)

    def number(row: int, col: int) -> int:
        """Tiles are counted as the stage moved: from the lower left, and back in turn."""
        up = rows - 1 - row
        return up * cols + (col if up % 2 == 0 else cols - 1 - col) + 1

    joints = "".join(
        f'<TileJointInfo FlagJoined="1" Confidence="98" Direction="RIGHT" '
        f'Tile1="{number(r, c)}" Tile2="{number(r, c + 1)}" OverlapX="{overlap}" OverlapY="0"/>'
        for r in range(rows)
        for c in range(cols - 1)
    ) + "".join(
        f'<TileJointInfo FlagJoined="1" Confidence="98" Direction="UP" '
        f'Tile1="{number(r, c)}" Tile2="{number(r - 1, c)}" OverlapX="0" OverlapY="0"/>'
        for r in range(1, rows)
        for c in range(cols)
    )
    encode = (
        '<EncodeInfo Ver="2"><SlideInfo><AoiInfo XIMAGESIZE="128" YIMAGESIZE="128" '
        f'NumRows="{rows}" NumCols="{cols}" Pos-X="0" Pos-Y="0"/></SlideInfo><SlideStitchInfo>'
        f'<ImageInfo AOIScanned="1" AOIIndex="0" NumRows="{rows}" NumCols="{cols}" Width="128" '
        f'Height="128" Pos-X="0" Pos-Y="0">{joints}</ImageInfo></SlideStitchInfo><AoiOrigin>'
        '<AOI0 OriginX="0" OriginY="0"/></AoiOrigin></EncodeInfo>'
    )
    iscan = '<Metadata><iScan Magnification="20" ScanRes="0.5" UnitNumber="1"/></Metadata>'
    with tifffile.TiffWriter(path, bigtiff=True) as writer:
        glass = np.full((90, 60, 3), 200, np.uint8)
        writer.write(glass, description="Label_Image", extratags=[_xmp(iscan)], **_LOSSLESS)
        for n in range(levels):
            writer.write(
                image, tile=(tile, tile), description=f"level={n} mag={20 / 2**n} quality=90",
                extratags=[_xmp(encode)] if n == 0 else [], **_LOSSLESS,
            )  # fmt: skip
            image = halve(image)
    return path


def _xmp(text: str) -> tuple[int, str, int, bytes, bool]:
    return (700, "B", len(text.encode()), text.encode(), True)


def write_philips(path: Path, image: np.ndarray, *, levels: int = 3) -> Path:
    """Write levels that claim whole tiles, as Philips does, with a tile left out.

    ``image`` itself is whole tiles: level 0 claims nothing wrong.
    """
    tile = 128
    buffer = io.BytesIO()
    Image.new("RGB", (40, 20), (120, 130, 140)).save(buffer, "JPEG", quality=95)
    label = base64.b64encode(buffer.getvalue()).decode()
    spacings = "".join(
        '<DataObject ObjectType="PixelDataRepresentation"><Attribute Name="DICOM_PIXEL_SPACING" '
        f'Group="0x0028" Element="0x0030" PMSVR="IDoubleArray">&quot;{0.00025 * 2**n}&quot; '
        f"&quot;{0.00025 * 2**n}&quot;</Attribute></DataObject>"
        for n in range(levels)
    )
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?><DataObject ObjectType="DPUfsImport">'
        '<Attribute Name="DICOM_MANUFACTURER">PHILIPS</Attribute>'
        '<Attribute Name="PIM_DP_SCANNED_IMAGES"><Array>'
        '<DataObject ObjectType="DPScannedImage"><Attribute Name="PIM_DP_IMAGE_TYPE">WSI'
        '</Attribute><Attribute Name="PIIM_PIXEL_DATA_REPRESENTATION_SEQUENCE"><Array>'
        f"{spacings}</Array></Attribute></DataObject>"
        '<DataObject ObjectType="DPScannedImage"><Attribute Name="PIM_DP_IMAGE_TYPE">LABELIMAGE'
        f'</Attribute><Attribute Name="PIM_DP_IMAGE_DATA">{label}</Attribute></DataObject>'
        "</Array></Attribute></DataObject>"
    )
    with tifffile.TiffWriter(path, bigtiff=True) as writer:
        for n in range(levels):
            pad = [(0, -side % tile) for side in image.shape[:2]]
            whole = np.pad(image, (*pad, (0, 0)), mode="edge")
            writer.write(
                whole, tile=(tile, tile), description=xml if n == 0 else None,
                subfiletype=min(n, 1), software="Philips DP v1.0" if n == 0 else None, **_LOSSLESS,
            )  # fmt: skip
            image = halve(image)
    with tifffile.TiffFile(path, mode="r+b") as tif:
        counts = tif.pages[0].tags["TileByteCounts"]
        counts.overwrite((0, *counts.value[1:]))
    return path


def write_ome_files(folder: Path, image: np.ndarray, *, companion: bool) -> Path:
    """Write red, green and blue to a file each, and return what to open.

    With a companion, the files hold only a reference to ``slide.companion.ome``; else
    each holds the whole description.
    """
    height, width = image.shape[:2]
    names = [f"slide-{colour}.ome.tif" for colour in ("red", "green", "blue")]
    ids = [f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_DNS, name)}" for name in names]
    head = 'xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"'
    channels = "".join(f'<Channel ID="Channel:0:{c}" SamplesPerPixel="1"/>' for c in range(3))
    data = "".join(
        f'<TiffData FirstC="{c}" IFD="0" PlaneCount="1"><UUID FileName="{names[c]}">{ids[c]}'
        "</UUID></TiffData>"
        for c in range(3)
    )
    body = (
        '<Image ID="Image:0"><Pixels ID="Pixels:0" Type="uint8" DimensionOrder="XYCZT" '
        f'SizeX="{width}" SizeY="{height}" SizeC="3" SizeZ="1" SizeT="1" PhysicalSizeX="0.5" '
        f'PhysicalSizeY="0.5">{channels}{data}</Pixels></Image>'
    )
    whole = f'<?xml version="1.0"?><OME {head} UUID="urn:uuid:{{}}">{body}</OME>'
    for c, name in enumerate(names):
        if companion:
            text = (
                f'<?xml version="1.0"?><OME {head} UUID="{ids[c]}"><BinaryOnly '
                'MetadataFile="slide.companion.ome" UUID="urn:uuid:0"/></OME>'
            )
        else:
            text = whole.format(ids[c].rpartition(":")[2])
        with tifffile.TiffWriter(folder / name) as writer:
            plane = image[..., c]
            options = {"tile": (128, 128), "compression": "zlib", "metadata": None}
            writer.write(plane, description=text, subifds=1, photometric="minisblack", **options)
            small = halve(image)[..., c]
            writer.write(small, subfiletype=1, photometric="minisblack", **options)
    if companion:
        (folder / "slide.companion.ome").write_text(whole.format("0"))
    return folder / names[1]
