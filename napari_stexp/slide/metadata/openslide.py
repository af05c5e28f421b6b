"""Facts from OpenSlide's properties, for the formats that it reads."""

from __future__ import annotations

from collections.abc import Mapping

from napari_stexp.slide.facts import (
    SlideFacts,
    choose_scale,
    make_claim,
    parse_date,
    parse_number,
    private_words,
)

__all__ = ["read_openslide_facts"]

#: Format and maker by OpenSlide's name of the vendor.
_NAMES = {
    "aperio": ("Aperio SVS", "Aperio"),
    "dicom": ("DICOM WSI", ""),
    "generic-tiff": ("tiled TIFF", ""),
    "hamamatsu": ("Hamamatsu", "Hamamatsu"),
    "leica": ("Leica SCN", "Leica"),
    "mirax": ("MIRAX", "3DHISTECH"),
    "philips": ("Philips TIFF", "Philips"),
    "sakura": ("Sakura SVSLIDE", "Sakura"),
    "trestle": ("Trestle TIFF", "Trestle"),
    "ventana": ("Ventana BIF", "Ventana"),
    "zeiss": ("Zeiss CZI", "Zeiss"),
}
_MAKERS = ("dicom.Manufacturer", "tiff.Make")
#: Where a date stands, best first.
_DATES = (
    "mirax.GENERAL.SLIDE_CREATIONDATETIME", "hamamatsu.Created", "leica.creation-date",
    "philips.DICOM_ACQUISITION_DATETIME", "dicom.AcquisitionDateTime", "dicom.ContentDate",
    "dicom.StudyDate", "zeiss.Information.Image.AcquisitionDateAndTime",
    "aperio.Date", "ventana.ScanDate", "tiff.DateTime",
)  # fmt: skip


def read_openslide_facts(
    properties: Mapping[str, str], icc: bytes | None = None, format_name: str = ""
) -> SlideFacts:
    """Facts from the properties of an ``openslide.OpenSlide``.

    Parameters
    ----------
    properties : mapping of str to str
        ``slide.properties``.
    icc : bytes, optional
        ``slide.color_profile.tobytes()`` where it has one.
    format_name : str
        What the format is called, where the vendor doesn't say enough.
    """
    vendor = properties.get("openslide.vendor", "")
    known, maker = _NAMES.get(vendor, (vendor or "OpenSlide", ""))
    made_by = next((properties[name] for name in _MAKERS if properties.get(name)), "")
    claims = make_claim(
        "OpenSlide",
        parse_number(properties.get("openslide.mpp-x")),
        parse_number(properties.get("openslide.mpp-y")),
    )
    return SlideFacts(
        format_name or known,
        maker or made_by,
        choose_scale(claims),
        parse_number(properties.get("openslide.objective-power")),
        _date(properties),
        icc,
        claims=claims,
        private=private_words(properties),
    )


def _date(properties: Mapping[str, str]) -> str:
    together = f"{properties.get('aperio.Date', '')} {properties.get('aperio.Time', '')}"
    texts = [together, *(properties.get(name, "") for name in _DATES)]
    return next((date for text in texts if (date := parse_date(text))), "")
