"""The workbench's files: spots, model, prediction, regions, labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_stexp.errors import PredictionError, SpotsError
from napari_stexp.session.opening import steps
from napari_stexp.session.opening.spot_questions import open_spots_steps
from napari_stexp.session.workbench.sets import WorkbenchSets
from napari_stexp.session.workbench.tissue import WorkbenchTissue

if TYPE_CHECKING:
    from napari_stexp.annotation import Region
    from napari_stexp.model import ModelBundle
    from napari_stexp.predict import Prediction
    from napari_stexp.spots import SpotOptions

__all__ = ["WorkbenchFiles"]


class WorkbenchFiles(WorkbenchTissue, WorkbenchSets):
    """Opens and saves; the part of `Workbench` that the first three docks are for."""

    # ---- spots ---------------------------------------------------------------------------

    def load_spots(
        self,
        path: str | Path,
        *,
        counts: str | Path | None = None,
        section: str | None = None,
        bins: str | None = None,
        columns: Mapping[str, Any] | None = None,
        units: str | None = None,
        options: SpotOptions | None = None,
    ) -> Any:
        """Read spots and lay them on the slide.

        Parameters
        ----------
        path : path-like
            h5ad, a Space Ranger folder, a table, a SpatialData store … (docs/formats.md).
        counts : path-like, optional
            Of layouts that have them in a file of their own.
        section : str, optional
            Of a folder or a store with several.
        bins : {'2', '8', '16', 'cells'}, optional
            Of a Visium HD run.
        columns : mapping, optional
            Of a table with any columns, which is what: ``{"x": "px", "y": "py", "id": "spot"}``;
            see `napari_stexp.spots.SpotColumns`.
        units : {'px', 'um'}, optional
            Of its places.
        options : SpotOptions, optional
            The same in one, and the decimal sign of a table or the frame of a store.

        Returns
        -------
        AnnData
            With counts where there are any; places in ``obsm['spatial']``, level-0 px.

        Raises
        ------
        SpotsError, ScaleError
            They can't be read, or don't fit the slide.
        """
        from napari_stexp.spots import SpotColumns, SpotOptions

        path, slide = Path(path), self.session.slide
        if columns is not None or units is not None:
            chosen = None if columns is None else SpotColumns.of(columns)
            options = replace(options or SpotOptions(), columns=chosen, units=units)
        task = open_spots_steps(
            path,
            None if counts is None else Path(counts),
            section=section,
            bins=bins,
            options=options,
            mpp=None if slide is None else slide.mpp,
            ask=False,
        )
        spots, kind = self._run("spots", f"Reading {path.name}", task)
        if kind == "prediction":
            raise SpotsError(
                "this is a prediction", path=path, hint="Open it with open_prediction."
            )
        self._lay(spots)
        return spots

    def load_bins(self, bins: str) -> Any:
        """Read other bins, or the cells, of the Visium HD run that is open.

        Parameters
        ----------
        bins : {'2', '8', '16', 'cells'}
            Side of a bin, µm; those of 2 µm are millions.

        Raises
        ------
        SpotsError
            No run is open, or it has no such bins.
        """
        from napari_stexp.spots import run_folder

        record = {} if self.session.spots is None else self.session.spots.uns["stexp_spots"]
        if not record.get("bins"):
            raise SpotsError("no Visium HD run is open", hint="Load its folder: load_spots.")
        return self.load_spots(run_folder(str(record["source"])), bins=bins)

    # ---- model and predictions -----------------------------------------------------------

    def load_model(self, path: str | Path) -> ModelBundle:
        """Load a model (a bundle, ``.safetensors``).

        Raises
        ------
        BundleError
            It is damaged, or no model.
        """
        path = Path(path)
        bundle = self._run("model", f"Loading {path.name}", steps.load_bundle_steps(path))
        self.session.set_bundle(bundle)
        return bundle

    def open_prediction(self, path: str | Path) -> Prediction:
        """Show a saved prediction, on its own spots where others are loaded."""
        return self.session.open_prediction(path)

    def save_prediction(self, path: str | Path) -> Path:
        """Write the shown prediction: .h5ad with its provenance, .csv or .parquet.

        Raises
        ------
        PredictionError
            There is none.
        OutputError
            The file can't be written.
        """
        if self.session.prediction is None:
            raise PredictionError("there is no prediction to save", hint="Predict first.")
        path = Path(path)
        task = steps.save_steps(self.session.prediction.adata, path)
        return Path(self._run("save", f"Saving {path.name}", task))

    # ---- regions and labels --------------------------------------------------------------

    def load_regions(self, path: str | Path, *, add: bool = False) -> list[Region]:
        """Read a pathologist's outlines: GeoJSON, ImageScope, ASAP or NDPA.

        Parameters
        ----------
        path : path-like
        add : bool
            Keep those that are there.

        Raises
        ------
        AnnotationError
            The file can't be used, or the annotation is locked.
        """
        path = Path(path)
        task = steps.read_annotations_steps(path, self.session.slide)
        found: list[Region] = self._run("annotations", f"Reading {path.name}", task)
        if add:
            self.session.regions.extend(found)
        else:
            self.session.set_annotations(found)
        return found

    def load_labels(self, path: str | Path, column: str | None = None) -> str:
        """Read a class for each spot from a table, and use it.

        Parameters
        ----------
        path : path-like
            CSV, TSV or h5ad, by barcode or position.
        column : str, optional
            Where there are several.

        Returns
        -------
        str
            Key of the labels, for `use_labels`.
        """
        from napari_stexp.spots import list_label_columns, read_label_table

        spots = self._need(self.session.spots, "there are no spots to label", "Load spots first.")
        if column is None:
            columns = list_label_columns(path)
            if len(columns) != 1:
                raise SpotsError(
                    "this table has several columns", path=path, expected="the name of one",
                    found=", ".join(columns) or "none",
                )  # fmt: skip
            column = columns[0]
        labels = read_label_table(path, spots, column)
        with self.session.undoing.step(f"Label the spots by {Path(path).name}"):
            return self.session.labelling.add_table(column, labels)

    def export(self, path: str | Path, kind: str = "geojson", genes: tuple[str, ...] = ()) -> Path:
        """Write regions, spots and labels for another program.

        Parameters
        ----------
        path : path-like
        kind : {'geojson', 'qupath', 'h5ad', 'spatialdata'}
            Regions alone; regions and spots for QuPath; the spots with all labels; all of it
            as a SpatialData store.
        genes : tuple of str
            Whose values go along with the spots to QuPath.
        """
        from napari_stexp.session.output.exporting import FORMATS, export_steps, take_export

        if kind not in FORMATS:
            raise ValueError(f"what is written is one of {', '.join(FORMATS)}, not {kind!r}")
        path = Path(path)
        request = take_export(self.session, kind, path, genes)
        return Path(self._run("export", f"Writing {path.name}", export_steps(request)))
