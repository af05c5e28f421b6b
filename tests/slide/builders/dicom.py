"""DICOM slides (VL Whole Slide Microscopy Image), one file a level."""

from __future__ import annotations

from pathlib import Path

import imagecodecs
import numpy as np
from PIL import Image

TILE = 256


def write_dicom(
    folder: Path, image: np.ndarray, levels: int = 2, mpp: float = 0.5, icc: bytes = b""
) -> Path:
    """Write a slide of (h, w, 3) uint8 pixels, in JPEG 2000 tiles without loss."""
    from pydicom.uid import generate_uid

    folder.mkdir(parents=True, exist_ok=True)
    series, frame = generate_uid(), generate_uid()
    for level in range(levels):
        kind = ["ORIGINAL" if level == 0 else "DERIVED", "PRIMARY", "VOLUME",
                "NONE" if level == 0 else "RESAMPLED"]  # fmt: skip
        _write_level(folder / f"{level}.dcm", image, kind, (series, frame), mpp * 2**level, icc)
        image = np.asarray(Image.fromarray(image).reduce(2))
    return folder


def _write_level(
    path: Path, image: np.ndarray, kind: list[str], uids: tuple[str, str], mpp: float, icc: bytes
) -> None:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.encaps import encapsulate
    from pydicom.uid import JPEG2000Lossless, generate_uid

    height, width = image.shape[:2]
    rows, cols = -(-height // TILE), -(-width // TILE)
    whole = np.pad(image, ((0, rows * TILE - height), (0, cols * TILE - width), (0, 0)))
    frames = [
        imagecodecs.jpeg2k_encode(
            np.ascontiguousarray(whole[r * TILE :, c * TILE :][:TILE, :TILE]),
            codecformat="j2k", reversible=True, mct=False, level=0,
        )
        for r in range(rows) for c in range(cols)
    ]  # fmt: skip
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.77.1.6"
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = JPEG2000Lossless
    data = Dataset()
    data.file_meta = meta
    data.SOPClassUID, data.SOPInstanceUID = (
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID,
    )  # fmt: skip
    data.Modality, data.ImageType, data.Manufacturer = "SM", kind, "Built"
    data.SeriesInstanceUID, data.FrameOfReferenceUID = uids
    data.StudyInstanceUID = uids[1]
    data.DimensionOrganizationType = "TILED_FULL"
    data.TotalPixelMatrixColumns, data.TotalPixelMatrixRows = width, height
    data.NumberOfFrames, data.Rows, data.Columns = len(frames), TILE, TILE
    data.SamplesPerPixel, data.PhotometricInterpretation = 3, "RGB"
    data.PlanarConfiguration, data.BitsAllocated, data.BitsStored = 0, 8, 8
    data.HighBit, data.PixelRepresentation, data.TotalPixelMatrixFocalPlanes = 7, 0, 1
    measures, shared = Dataset(), Dataset()
    measures.PixelSpacing = [mpp / 1000, mpp / 1000]
    shared.PixelMeasuresSequence = [measures]
    data.SharedFunctionalGroupsSequence = [shared]
    lens, path_of_light = Dataset(), data
    lens.ObjectiveLensPower = 20
    if icc:
        lens.ICCProfile = icc + b"\0" * (len(icc) % 2)
    path_of_light.OpticalPathSequence = [lens]
    data.PixelData = encapsulate(frames)
    data["PixelData"].is_undefined_length = True
    data.save_as(path, enforce_file_format=True)
