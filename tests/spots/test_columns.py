from __future__ import annotations

import codecs
import csv
import gzip

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_stexp.errors import ScaleError, SpotsError
from napari_stexp.spots import SpotColumns, guess_columns, look_at_table, read_spot_table
from tests.spots.layouts import BARCODES, COUNTS, write_h5, write_mtx

IDS = ["AAAC-1", "AAAG-1", "AAAT-1", "CCCA-1", "GGGG-1"]
XY = np.array([[100.5, 200.25], [150, 200.125], [200.75, 287.5], [1250.5, 287], [0.5, 374.5]])
GENES = {"ERBB2": [5, 0, 1, 0, 2], "COL1A1": [0, 2, 0, 0, 7.5], "HLA-A": [7, 0, 0, 3, 1]}


def make_table(x="pixel_x", y="pixel_y", identity="barcode"):
    return pd.DataFrame({identity: IDS, x: XY[:, 0], y: XY[:, 1], **GENES})


def check(spots, ids=IDS, xy=XY):
    assert spots.obs_names.tolist() == list(ids)
    np.testing.assert_allclose(spots.obsm["spatial"], xy)
    assert spots.var_names.tolist() == list(GENES)
    rows = [IDS.index(name) for name in ids]
    np.testing.assert_array_equal(spots.X.toarray(), np.column_stack([*GENES.values()])[rows])


PLACES = [
    ("pxl_col_in_fullres", "pxl_row_in_fullres", "px"), ("Pixel X", "Pixel Y", "px"),
    ("imagecol", "imagerow", "px"), ("x_um", "y_um", "um"), ("X (µm)", "Y (µm)", "um"),
    ("x_micron", "y_micron", "um"), ("x", "y", ""), ("X_centroid", "Y_centroid", ""),
    ("x.coord", "y.coord", ""),
]  # fmt: skip


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    places=st.sampled_from(PLACES),
    identity=st.sampled_from(["barcode", "Spot ID", "cell_id", "name", ""]),
    order=st.permutations(range(6)),
    sep=st.sampled_from(",;\t|"),
    decimal=st.sampled_from(".,"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    lineterminator=st.sampled_from(["\n", "\r\n"]),
    packed=st.booleans(),
)
def test_however_a_table_is_written_its_spots_are_the_same(
    tmp_path, places, identity, order, packed, encoding, **form
):
    x, y, unit = places
    table = make_table(x, y, identity)
    genes = [name for name in table.columns[list(order)] if name in GENES]
    text = table.iloc[:, list(order)].to_csv(index=False, **form)
    path = tmp_path / "any.csv"
    data = text.encode(encoding)
    path.write_bytes(gzip.compress(data) if packed else data)
    # Without a name, the column is known as an id only where it comes first.
    columns = None
    if identity == "":
        name = look_at_table(path).names[order.index(0)]
        columns = SpotColumns(x, y, name, genes="*")
    spots = read_spot_table(path, columns, units=unit or "px", mpp=0.5)
    check(spots[:, list(GENES)], xy=XY / 0.5 if unit == "um" else XY)
    assert spots.var_names.tolist() == genes


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    names=st.lists(
        st.text(
            st.characters(exclude_categories=("Cs", "Cc", "Z"), exclude_characters='"#'),
            min_size=1, max_size=8,
        ).filter(lambda name: not name.replace(",", ".").replace("_", "").isalnum()
                 or name[0].isalpha()),
        min_size=6, max_size=6, unique=True,
    ),
    parquet=st.booleans(),
)  # fmt: skip
def test_columns_of_any_name_can_be_chosen(tmp_path, names, parquet):
    table = make_table()
    table.columns = names
    path = tmp_path / ("any.parquet" if parquet else "any.csv")
    if parquet:
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False, sep="\t")
    if not parquet and set(look_at_table(path).names) != set(names):
        return  # a name that reads like a number: taken for a table without a header
    columns = {"id": names[0], "x": names[1], "y": names[2], "genes": names[3:]}
    spots = read_spot_table(path, columns, units="px")
    spots.var_names = list(GENES)
    check(spots)


@pytest.mark.parametrize(
    ("names", "expected", "units"),
    [
        # HER2ST: x and y are positions on the array, pixel_x and pixel_y are places
        ("x y new_x new_y pixel_x pixel_y selected", "pixel_x pixel_y  x y selected ", "px"),
        ("barcode in_tissue array_row array_col pxl_row_in_fullres pxl_col_in_fullres",
         "pxl_col_in_fullres pxl_row_in_fullres barcode array_col array_row in_tissue ", "px"),
        ("cell_id x_centroid y_centroid area", "x_centroid y_centroid cell_id    ", ""),
        ("x y", "x y     ", ""),
        ("one two three", "      ", ""),
        ("x total_counts n_genes", "      ", ""),
    ],
)  # fmt: skip
def test_names_that_are_known(names, expected, units):
    names = names.split()
    numeric = [name not in ("barcode", "cell_id") for name in names]
    guess = guess_columns(names, numeric)
    found = guess.columns
    roles = (found.x, found.y, found.id, found.array_col, found.array_row, found.in_tissue)
    assert " ".join((*roles, found.label)) == expected
    assert guess.units == units
    assert found.genes == ()


def test_columns_from_a_line_of_text():
    columns = SpotColumns.parse("x=a,b, y=c=d ,id=bc,genes=ERBB2+KRT5")
    assert columns == SpotColumns("a,b", "c=d", "bc", genes=("ERBB2", "KRT5"))
    assert SpotColumns.parse("x=a,y=b,genes=*").genes == "*"
    for text in ("", "x", "q=1", "x=1,x=2", "so x=1"):
        with pytest.raises(SpotsError, match="can't be read from this"):
            SpotColumns.parse(text)
    with pytest.raises(SpotsError, match="can't be this"):
        SpotColumns.of({"z": "a"})


def test_tissue_array_labels_and_ids_are_taken(tmp_path):
    table = make_table()
    table["array_row"], table["array_col"] = [0, 0, 1, 1, 2], [0, 2, 1, 3, 0]
    table["in_tissue"] = [True, False, True, True, True]
    table["label"] = ["tumour", "x", "NA", "stroma", "tumour"]
    for path in (tmp_path / "a.parquet", tmp_path / "a.csv"):
        table.to_parquet(path) if path.suffix == ".parquet" else table.to_csv(path)
        spots = read_spot_table(path, section="A", technology="Visium")
        left = [IDS[i] for i in (0, 2, 3, 4)]
        check(spots, left, XY[[0, 2, 3, 4]])
        assert spots.obs["array_col"].tolist() == [0, 1, 3, 0]
        assert spots.obs["label"].tolist()[2:] == ["stroma", "tumour"]
        assert spots.obs["label"].isna().tolist() == [False, True, False, False]
        record = spots.uns["stexp_spots"]
        assert (record["pitch_um"], record["section"]) == (100.0, "A")
    columns = SpotColumns("pixel_x", "pixel_y", array_col="array_col", array_row="array_row")
    spots = read_spot_table(path, columns)
    assert spots.obs_names.tolist() == ["0x0", "2x0", "1x1", "3x1", "0x2"]
    assert spots.n_vars == 0


def test_a_table_without_a_header(tmp_path):
    path = tmp_path / "a.csv"
    make_table().to_csv(path, index=False, header=False)
    assert look_at_table(path).names[:2] == ("column 1", "column 2")
    columns = "x=column 2,y=column 3,id=column 1,genes=*"
    spots = read_spot_table(path, columns, units="px")
    assert spots.obs_names.tolist() == IDS
    np.testing.assert_array_equal(spots.obsm["spatial"], XY)


@pytest.mark.parametrize("kind", ["csv", "parquet", "h5", "mtx"])
def test_counts_in_a_file_of_their_own(tmp_path, kind):
    positions = make_table().drop(columns=list(GENES))
    positions.to_csv(tmp_path / "spots.csv", index=False)
    if kind == "h5":
        counts = write_h5(tmp_path / "counts.h5")
    elif kind == "mtx":
        counts = write_mtx(tmp_path / "matrix")
    else:
        counts = tmp_path / f"counts.{kind}"
        table = pd.DataFrame(COUNTS[:3].T, index=BARCODES, columns=["ERBB2", "TBCE", "TBCE-1"])
        table = table.iloc[::-1]
        table.to_csv(counts) if kind == "csv" else table.to_parquet(counts)
    spots = read_spot_table(tmp_path / "spots.csv", counts=counts)
    assert spots.obs_names.tolist() == IDS[:4]  # the fifth has no counts
    assert spots.var_names.tolist() == ["ERBB2", "TBCE", "TBCE-1"]
    np.testing.assert_array_equal(spots.X.toarray(), COUNTS[:3].T)


def _write(tmp_path, text):
    path = tmp_path / "a.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,pixel_x,pixel_y\na,1,2\nb,x1,3\n", r"row 2, column 'pixel_x' holds no number.*'x1'"),
        ("id,pixel_x,pixel_y\na,1,2\nb,,3\n", r"row 2, column 'pixel_x' holds no number"),
        ("id,pixel_x,pixel_y\na,1,2\nb,nan,3\n", r"row 2, column 'pixel_x' holds no position"),
        ("id,pixel_x,pixel_y\na,1,2\nb,3\n", r"row 2 of the table has another length.*found 2"),
        ("id,pixel_x,pixel_y\na,1,2\na,3,4\n", r"row 1, column 'id' names a spot that is there"),
        ("id,pixel_x,pixel_y\na,1,2\n ,3,4\n", r"row 2, column 'id' names no spot"),
        ("id,pixel_x,pixel_y\na,1,2\nb,4000000000,4\n", "1 of 2 spots have no position"),
        ("id,pixel_x,pixel_y,array_row,array_col\na,1,2,1.5,2\nb,3,4,1,2\n",
         r"row 1, column 'array_row' holds no position.*whole number"),
        ("id,pixel_x,pixel_y,in_tissue\na,1,2,1\nb,3,4,maybe\n",
         r"row 2, column 'in_tissue' doesn't say.*'maybe'"),
        ("id,pixel_x,pixel_y,in_tissue\na,1,2,0\nb,3,4,0\n", "no spot is left"),
        ("id,pixel_x,pixel_y,A,B,C\na,1,2,0,1,2\nb,3,4,0,-1,2\n", "row 2, column 'B' holds no c"),
        ("id,x,y\na,1,2\nb,3,4\n", "'x' and 'y' pixels or µm"),
        ("id,u,v\na,1,2\nb,3,4\n", "which columns hold x and y.*id, u, v"),
        ("id;pixel_x;pixel_y\na;1,250;2,375\nb;3,125;4,500\n", "decimal sign or one for thousands"),
        ("id,x_um,y_um\na,1,2\nb,3,4\n", "need the slide's µm per pixel"),
        ("", "the table is empty"),
        ("a\nb\nc\n", "not a table with columns"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" * 3, "not a text table"),
        (b"PAR1" + bytes(40), "Parquet file can't be read"),
        (b"\x1f\x8b\x08\0\0\0", "can't be read"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(tmp_path, text, message):
    with pytest.raises((SpotsError, ScaleError), match=message) as caught:
        read_spot_table(_write(tmp_path, text))
    assert caught.value.path == tmp_path / "a.csv"


def test_a_bad_cell_far_below_what_was_looked_at(tmp_path):
    lines = [f"s{i},{i},{i}" for i in range(40_000)]
    lines[39_000] = "s39000,12,oops"
    path = _write(tmp_path, "id,pixel_x,pixel_y\n" + "\n".join(lines))
    with pytest.raises(SpotsError, match=r"row 39001, column 'pixel_y' holds no number.*'oops'"):
        read_spot_table(path)
    table = pd.DataFrame({"pixel_x": ["1", "2", "no"], "pixel_y": [1, 2, 3]})
    table.to_parquet(tmp_path / "a.parquet")
    with pytest.raises(SpotsError, match="column 'pixel_x' can't be read as numbers"):
        read_spot_table(tmp_path / "a.parquet", "x=pixel_x,y=pixel_y", units="px")


def test_what_was_chosen_has_to_be_there(tmp_path):
    path = _write(tmp_path, "id,u,v\na,1,2\nb,3,4\n")
    assert read_spot_table(path, "x=u,y=v", units="px").obs_names.tolist() == ["spot1", "spot2"]
    for columns, units, message in (
        ("x=u,y=w", "px", "no column 'w'.*id, u, v"),
        ("x=u", "px", "which columns"),
        ("x=u,y=v", None, "pixels or µm"),
        ("x=u,y=v", "mm", "no such unit"),
        ("x=u,y=v,array_row=u", "px", "need two columns"),
    ):
        with pytest.raises(SpotsError, match=message):
            read_spot_table(path, columns, units=units)
    counts = tmp_path / "counts.csv"
    for text, message in (
        (",c,d\nA,1,2\n", "no spot of the table.*expected names such as 'a'"),
        (",a,b\nA,1,2\n", "turn the table round"),
        ("n,m\nA,B\n", "no column of counts"),
    ):
        counts.write_text(text)
        with pytest.raises(SpotsError, match=message):
            read_spot_table(path, "x=u,y=v,id=id", units="px", counts=counts)


def test_commas_that_may_be_thousands_are_settled_by_the_user(tmp_path):
    path = _write(tmp_path, "id;pixel_x;pixel_y\na;1,250;2,375\nb;3,125;4,500\n")
    spots = read_spot_table(path, decimal=",")
    np.testing.assert_array_equal(spots.obsm["spatial"], [[1.25, 2.375], [3.125, 4.5]])
    with pytest.raises(SpotsError, match="which columns"):
        read_spot_table(path, decimal=".")


def test_a_look_says_how_a_table_is_written(tmp_path):
    text = codecs.BOM_UTF8.decode() + "# made by hand\n\nid;x;y\na;1,5;2\nb;3;4,25\n"
    look = look_at_table(_write(tmp_path, text))
    assert look.names == ("id", "x", "y")
    assert look.numeric == (False, True, True)
    assert look.wording == "text, cells separated by semicolons, decimal commas"
    assert look.numbers("y") == [2, 4.25]
    assert look.rows[0] == ("a", "1,5", "2")
