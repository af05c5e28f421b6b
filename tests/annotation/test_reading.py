"""What a file is, is told by its content; none of them makes the reader crash."""

from __future__ import annotations

import gzip
import json
import zipfile

import numpy as np
import pytest

from napari_stexp.annotation import is_regions_file, read_regions
from napari_stexp.errors import AnnotationError, StexpError

from . import test_aperio, test_asap, test_ndpa
from .test_geojson import HOLE, SQUARE, _feature

BOMB = (
    '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha">'
    + "".join(
        f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefghi", "bcdefghij", strict=True)
    )
    + "]><Annotations>&j;</Annotations>"
)
GEOJSON = json.dumps(
    {
        "type": "FeatureCollection",
        "features": [
            _feature([SQUARE[0], HOLE], classification={"name": "Tumor", "color": [200, 0, 0]}),
            _feature([[SQUARE[0]]], "MultiPolygon", measurements={"Area": 1.5}),
        ],
    }
)
APERIO = test_aperio.document(
    test_aperio.layer(
        test_aperio.region(test_aperio.SQUARE, text="é"),
        test_aperio.region(test_aperio.INNER, negative=1),
        test_aperio.region([(1, 2), (30, 40)], kind=2),
    )
)
ASAP = test_asap.document(test_asap.annotation(test_asap.SQUARE))
NDPA = test_ndpa.document(test_ndpa.view(test_ndpa.freehand(test_ndpa.SQUARE)))
FORMATS = {"geojson": GEOJSON, "aperio": APERIO, "asap": ASAP, "ndpa": NDPA}


@pytest.fixture(scope="module")
def slide(tmp_path_factory):
    from types import SimpleNamespace

    path = test_ndpa.write_ndpi(tmp_path_factory.mktemp("slide") / "a.tif")
    return SimpleNamespace(path=path, mpp=0.5, shape=(300, 400))


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_told_by_content_whatever_the_name(tmp_path, slide, kind, encoding):
    if (kind, encoding) == ("geojson", "utf-16"):
        pytest.skip("JSON is UTF-8")
    path = tmp_path / "file.txt"
    text = FORMATS[kind].replace('encoding="utf-8"', "").replace('encoding="UTF-8"', "")
    path.write_bytes(f" \n{text}".encode(encoding) if kind == "geojson" else text.encode(encoding))
    assert is_regions_file(path)
    assert read_regions(path, slide)


def test_packed(tmp_path):
    (tmp_path / "a.geojson.gz").write_bytes(gzip.compress(GEOJSON.encode()))
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("folder")
        archive.writestr("folder/b.geojson", GEOJSON)
    for name in ("a.geojson.gz", "b.zip"):
        assert is_regions_file(tmp_path / name)
        assert len(read_regions(tmp_path / name)) == 2
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a", GEOJSON)
        archive.writestr("b", GEOJSON)
    with pytest.raises(AnnotationError, match=r"several files.*found a, b"):
        read_regions(tmp_path / "two.zip")
    for name in ("a.geojson.gz", "b.zip"):
        data = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(data[: len(data) * 2 // 3])
        with pytest.raises(AnnotationError, match="damaged or cut off") as caught:
            read_regions(tmp_path / name)
        assert caught.value.path.name == name


def test_what_is_no_annotation(tmp_path):
    for name, content, found in [
        ("a.csv", b"barcode,label\nA,Tumor\n", "barcode,labe"),
        ("b.xml", b"", "an empty file"),
        ("c.geojson", b"\x89PNG\r\n", "bytes 89 50 4e 47"),
    ]:
        path = tmp_path / name
        path.write_bytes(content)
        assert not is_regions_file(path)
        with pytest.raises(AnnotationError, match=f"not a kind of annotation.*ImageScope.*{found}"):
            read_regions(path)
    assert not is_regions_file(tmp_path / "gone.geojson")
    with pytest.raises(AnnotationError, match="can't be read"):
        read_regions(tmp_path / "gone.geojson")
    (tmp_path / "d.xml").write_text("<html><body/></html>")
    with pytest.raises(AnnotationError, match=r"not a kind of XML.*<html>"):
        read_regions(tmp_path / "d.xml")


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "text",
    [
        BOMB,
        '<!DOCTYPE Annotations SYSTEM "file:///etc/passwd"><Annotations/>',
        '<?xml version="1.0"?><!-- x --><!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
        "<ASAP_Annotations>&e;</ASAP_Annotations>",
        f"<!DOCTYPE a [<!ENTITY e '{'x' * 1000}'>]><annotations>{'&e;' * 100_000}</annotations>",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_document_types_are_refused_before_they_do_anything(tmp_path, text, encoding):
    path = tmp_path / "bomb.xml"
    path.write_bytes(text.encode(encoding))
    with pytest.raises(AnnotationError, match="defines a document type") as caught:
        read_regions(path)
    assert caught.value.path == path


@pytest.mark.timeout(20)
def test_deep_nesting(tmp_path):
    path = tmp_path / "deep.xml"
    path.write_text("<Annotations>" + "<a>" * 100_000 + "</a>" * 100_000 + "</Annotations>")
    with pytest.raises(AnnotationError, match="no regions"):
        read_regions(path)
    nested = {"type": "GeometryCollection", "geometries": []}
    text = '{"type":"GeometryCollection","geometries":[' * 900 + json.dumps(nested) + "]}" * 900
    path.write_text(f'[{{"type":"Feature","geometry":{text},"properties":{{}}}}]')
    with pytest.raises(AnnotationError):
        read_regions(path)


@pytest.mark.parametrize("kind", FORMATS)
def test_cut_off_anywhere(tmp_path, slide, kind):
    path = tmp_path / "cut"
    data = FORMATS[kind].encode()
    for end in range(0, len(data) - 2, 7):
        path.write_bytes(data[:end])
        with pytest.raises(AnnotationError) as caught:
            read_regions(path, slide)
        assert caught.value.path == path


@pytest.mark.parametrize("kind", FORMATS)
def test_bits_that_flipped(tmp_path, slide, kind):
    rng = np.random.default_rng(sum(kind.encode()))
    whole = np.frombuffer(FORMATS[kind].encode(), np.uint8)
    path = tmp_path / "flipped"
    refused: list[StexpError] = []
    for _ in range(200):
        data = whole.copy()
        for at in rng.integers(0, len(data), rng.integers(1, 4)):
            data[at] ^= 1 << rng.integers(0, 8)
        path.write_bytes(data.tobytes())
        try:
            regions = read_regions(path, slide)
        except StexpError as error:
            refused.append(error)
        else:
            assert all(region.geometry.is_valid and region.geometry.area > 0 for region in regions)
    assert 20 < len(refused) < 200
    assert all(error.path == path for error in refused)
