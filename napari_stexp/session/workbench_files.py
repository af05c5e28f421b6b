"""The workbench's files: slide, spots, model, prediction, regions, labels, workspace."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from napari_stexp.errors import PredictionError, SlideError, SpotsError
from napari_stexp.session import steps
from napari_stexp.session.spot_questions import open_spots_steps
from napari_stexp.session.workbench_base import WorkbenchBase

if TYPE_CHECKING:
    from napari_stexp.annotation import Region
    from napari_stexp.model import ModelBundle
    from napari_stexp.predict import Prediction
    from napari_stexp.session.workspace import Workspace
    from napari_stexp.slide import Slide
    from napari_stexp.spots import SpotOptions

__all__ = ["WorkbenchFiles"]


class WorkbenchFiles(WorkbenchBase):
    """Opens and saves; the part of `Workbench` that the first three docks are for."""

    # ---- slide ---------------------------------------------------------------------------

    def open_slide(self, path: str | Path, *, mpp: float | None = None) -> Slide:
        """Open a slide; a flat image (JPEG, PNG) is converted once.

        Parameters
        ----------
        path : path-like
        mpp : float, optional
            µm per pixel, where the file doesn't say it, or wrongly.

        Raises
        ------
        SlideError
            It can't be opened.
        """
        path = Path(path)
        slide = self._run("slide", f"Opening {path.name}", steps.open_slide_steps(path, mpp))
        self.session.set_slide(slide)
        return slide

    def set_mpp(self, mpp: float | None = None) -> Slide:
        """Set the slide's µm per pixel; None takes what the spots' known pitch implies.

        Raises
        ------
        ScaleError
            No slide has such pixels, or the spots contradict them.
        SlideError
            No slide is open.
        """
        source = "user" if mpp is not None else "spots"
        mpp = self.session.suggested_mpp if mpp is None else mpp
        if mpp is None:
            raise SlideError("the spots don't say how large a pixel is", hint="Give µm per pixel.")
        return self.session.set_mpp(mpp, source)

    def close(self) -> None:
        """Close the slide's file and drop everything."""
        self.session.close()

    # ---- spots ---------------------------------------------------------------------------

    def load_spots(
        self,
        path: str | Path,
        *,
        counts: str | Path | None = None,
        section: str | None = None,
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
        options : SpotOptions, optional
            Columns and units of a table with any columns, or the frame of a store.

        Returns
        -------
        AnnData
            With counts where there are any; places in ``obsm['spatial']``, level-0 px.

        Raises
        ------
        SpotsError, ScaleError
            They can't be read, or don't fit the slide.
        """
        path = Path(path)
        slide = self.session.slide
        task = open_spots_steps(
            path,
            None if counts is None else Path(counts),
            section=section,
            options=options,
            mpp=None if slide is None else slide.mpp,
            ask=False,
        )
        spots, kind = self._run("spots", f"Reading {path.name}", task)
        if kind == "prediction":
            raise SpotsError(
                "this is a prediction", path=path, hint="Open it with open_prediction."
            )
        self.session.set_spots(spots)
        return spots

    def make_grid(
        self,
        pitch_um: float = 100.0,
        diameter_um: float = 55.0,
        layout: Literal["hex", "square"] = "hex",
        *,
        in_tissue: bool = True,
    ) -> Any:
        """Lay virtual spots on the slide, for tissue that wasn't measured.

        Parameters
        ----------
        pitch_um, diameter_um : float
            The defaults are Visium's.
        layout : {'hex', 'square'}
        in_tissue : bool
            Only where there is tissue.
        """
        if self.session.slide is None:
            raise SlideError("a grid needs a slide", hint="Open a slide first.")
        settings = steps.GridSettings(layout, pitch_um, diameter_um, in_tissue)
        spots = self._run(
            "spots", "Making a grid", steps.make_grid_steps(self.session.slide, settings)
        )
        self.session.set_spots(spots)
        return spots

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
        from napari_stexp.session.exporting import FORMATS, export_steps, take_export

        if kind not in FORMATS:
            raise ValueError(f"what is written is one of {', '.join(FORMATS)}, not {kind!r}")
        path = Path(path)
        request = take_export(self.session, kind, path, genes)
        return Path(self._run("export", f"Writing {path.name}", export_steps(request)))

    # ---- the whole work ------------------------------------------------------------------

    def save_workspace(self, path: str | Path) -> Path:
        """Save all that is open as one file (``.stexp``): docs/workspace.md."""
        from napari_stexp.session.workspace_file import start_saving

        path = Path(path)
        if self._host.save_workspace(path):
            return path
        task = start_saving(self.session, path)
        return Path(self._run("workspace", f"Saving {path.name}", task))

    def open_workspace(self, path: str | Path, *, search: tuple[str | Path, ...] = ()) -> Workspace:
        """Go on with saved work, in place of all that is open.

        Parameters
        ----------
        path : path-like
        search : path-likes
            Folders in which a slide or model may be that was moved; a window looks where
            files were opened lately.

        Returns
        -------
        Workspace
            ``missing`` says what wasn't found.
        """
        from napari_stexp.session.workspace_file import read_workspace
        from napari_stexp.session.workspace_restore import restore_workspace

        path = Path(path)
        opened = self._host.open_workspace(path)
        if opened is not None:
            return opened
        task = read_workspace(path, search=search)
        workspace: Workspace = self._run("workspace", f"Opening {path.name}", task)
        restore_workspace(self.session, workspace)
        return workspace
