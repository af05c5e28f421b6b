from __future__ import annotations

import pytest
import shapely

from napari_stexp.annotation import read_regions
from napari_stexp.errors import AnnotationError

GROUPS = (
    '<AnnotationGroups><Group Name="Tumor" PartOfGroup="None" Color="#ff8000"><Attributes/>'
    '</Group><Group Name="_2" PartOfGroup="None" Color="bad"/></AnnotationGroups>'
)


def annotation(points, kind="Polygon", group="Tumor", name="Annotation 0", color="#F4FA58"):
    coordinates = "".join(
        f'<Coordinate Order="{order}" X="{x}" Y="{y}" />' for order, (x, y) in enumerate(points)
    )
    return (
        f'<Annotation Name="{name}" Type="{kind}" PartOfGroup="{group}" Color="{color}">'
        f"<Coordinates>{coordinates}</Coordinates></Annotation>"
    )


def document(*annotations, groups=GROUPS):
    return (
        '<?xml version="1.0"?>\n<ASAP_Annotations><Annotations>'
        f"{''.join(annotations)}</Annotations>{groups}</ASAP_Annotations>"
    )


SQUARE = [(0, 0), (10.5, 0), (10.5, 10), (0, 10)]


@pytest.fixture
def read(tmp_path):
    def write_and_read(text):
        path = tmp_path / "tumor_001.xml"
        path.write_text(text)
        return read_regions(path)

    return write_and_read


def test_groups_are_classes_with_the_group_s_colour(read):
    tumor, other, none = read(
        document(
            annotation(SQUARE, name="nest"),
            annotation(SQUARE, group="_2"),
            annotation(SQUARE, group="None", color="#010203"),
        )
    )
    assert (tumor.class_name, tumor.name, tumor.color) == ("Tumor", "nest", (255, 128, 0))
    assert (other.class_name, other.color) == ("_2", (0xF4, 0xFA, 0x58))
    assert (none.class_name, none.color) == (None, (1, 2, 3))
    assert tumor.geometry.equals(shapely.Polygon(SQUARE))


def test_points_come_in_their_order(read):
    text = document(annotation(SQUARE))
    mixed = text.replace('Order="1"', 'Order="x"').replace('Order="2"', 'Order="1"')
    (found,) = read(mixed.replace('Order="x"', 'Order="2"'))
    assert found.geometry.equals(
        shapely.make_valid(shapely.Polygon([SQUARE[i] for i in (0, 2, 1, 3)]))
    )


@pytest.mark.parametrize("kind", ["Polygon", "Spline", "Rectangle", "polygon"])
def test_kinds_with_an_area(read, kind):
    assert read(document(annotation(SQUARE, kind)))[0].geometry.area == 105


@pytest.mark.parametrize("kind", ["Dot", "PointSet", "Measurement"])
def test_kinds_without_are_left_out(read, kind):
    found = read(document(annotation(SQUARE), annotation(SQUARE[:1], kind)))
    assert len(found) == 1
    with pytest.raises(AnnotationError, match="no regions"):
        read(document(annotation(SQUARE[:1], kind)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (document(annotation(SQUARE[:2], name="nest")), "region nest.*outline of 2 points"),
        (document(annotation(SQUARE).replace("10.5", "wide")), "region Annotation 0.*wide"),
        (document(annotation(SQUARE).replace('Order="1"', 'Order="b"')), "region Annotation 0"),
        (document(annotation(SQUARE))[:-40], "not XML, or is cut off"),
        (document(annotation(SQUARE))[:90], "not XML, or is cut off"),
    ],
)
def test_bad_files(read, text, message):
    with pytest.raises(AnnotationError, match=message) as caught:
        read(text)
    assert caught.value.path.name == "tumor_001.xml"
