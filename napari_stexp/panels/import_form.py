"""Form for importing a checkpoint of the released mclSTExp code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QSpinBox,
    QWidget,
)

from napari_stexp.panels.tasks import ImportRequest
from napari_stexp.panels.widgets import Notice, ignore_idle_wheel, make_button, make_row

if TYPE_CHECKING:
    from napari_stexp.panels.panel import Panel

__all__ = ["ImportForm"]

_HELP = {
    "checkpoint": "The checkpoint that the released code saved: weights only, a .pt file.",
    "genes": "The genes that it was trained on, in their order: .npy, .txt, .csv or .tsv.",
    "sections": "The sections that it was trained on: predictions are averages of their spots. "
    "Add a folder of HER2ST sections or .h5ad files.",
    "only": "Names of the sections to use, such as C2, C3, C5. Empty: all that the folder holds.",
    "output": "Where the model is written (.safetensors). Next time you only load this file.",
    "k": "How many reference spots are averaged, unless you choose otherwise when predicting.",
    "metric": "How distances are measured: L1 in the released HER2+ script, L2 in the others.",
    "scale": "The expression scale: per spot is the usual one, per gene that of the released "
    "evaluation.",
    "windowing": "How the reference spots were grouped when the model looked at them. Whole "
    "sections don't depend on file order; windows of 32 reproduce the released scripts.",
}


class ImportForm(QWidget):
    """Asks for what a checkpoint lacks: genes, reference sections, retrieval, and a file name."""

    requested = Signal(object)  # ImportRequest

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self._panel = panel
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(3)
        self.checkpoint = self._add_file(form, "Checkpoint", "checkpoint", self._ask_checkpoint)
        self.genes = self._add_file(form, "Gene list", "genes", self._ask_genes)
        self._build_sections(form)
        self._build_retrieval(form)
        self.output = self._add_file(form, "Save as", "output", self._ask_output)
        self.notice = Notice("warning")
        form.addRow(self.notice)
        self.button = make_button("Import", "Build the model, save it and load it.", self._ask)
        form.addRow(self.button)

    def request(self) -> ImportRequest:
        """Return what is in the form.

        Raises
        ------
        ValueError
            Something is missing; the message says what.
        """
        missing = [
            name
            for name, given in (
                ("the checkpoint", self.checkpoint.text()),
                ("the gene list", self.genes.text()),
                ("the reference sections", self.sections.count()),
                ("a name to save it under", self.output.text()),
            )
            if not given
        ]
        if missing:
            raise ValueError(f"Still missing: {', '.join(missing)}.")
        output = Path(self.output.text())
        return ImportRequest(
            checkpoint=Path(self.checkpoint.text()),
            genes=Path(self.genes.text()),
            sections=tuple(self._section_paths()),
            output=output if output.suffix else output.with_suffix(".safetensors"),
            k=self.k_box.value(),
            metric=self.metric_box.currentData(),
            scale=self.scale_box.currentData(),
            windowing=self.windowing_box.currentData(),
        )

    def _section_paths(self) -> list[str]:
        only = ",".join(part.strip() for part in self.only.text().split(",") if part.strip())
        paths = [self.sections.item(i).text() for i in range(self.sections.count())]
        return [f"{p}:{only}" if only and Path(p).is_dir() else p for p in paths]

    # ---- building ------------------------------------------------------------------------

    def _add_file(self, form: QFormLayout, title: str, key: str, ask: object) -> QLineEdit:
        edit = QLineEdit()
        edit.setToolTip(_HELP[key])
        button = make_button("…", _HELP[key], ask)
        button.setFixedWidth(28)
        self._add_row(form, title, key, make_row(edit, button, stretch=0))
        return edit

    def _add_row(self, form: QFormLayout, title: str, key: str, field: object) -> None:
        label = QLabel(title)
        label.setToolTip(_HELP[key])
        form.addRow(label, field)

    def _build_sections(self, form: QFormLayout) -> None:
        self.sections = QListWidget()
        self.sections.setFixedHeight(54)
        self.sections.setToolTip(_HELP["sections"])
        self._add_row(form, "Reference", "sections", self.sections)
        form.addRow(
            "",
            make_row(
                make_button("Folder…", _HELP["sections"], self._ask_folder),
                make_button("File…", _HELP["sections"], self._ask_section),
                make_button("Clear", "Empty the list of reference sections.", self.sections.clear),
            ),
        )
        self.only = QLineEdit()
        self.only.setPlaceholderText("all sections")
        self.only.setToolTip(_HELP["only"])
        self._add_row(form, "Sections", "only", self.only)

    def _build_retrieval(self, form: QFormLayout) -> None:
        self.k_box = ignore_idle_wheel(QSpinBox())
        self.k_box.setRange(1, 1_000_000)
        self.k_box.setValue(200)
        self.k_box.setToolTip(_HELP["k"])
        self._add_row(form, "Neighbours (k)", "k", self.k_box)
        self.metric_box = self._add_choice(
            form, "Distance", "metric", {"l1": "L1 (HER2+)", "l2": "L2 (cSCC, Visium)"}
        )
        self.scale_box = self._add_choice(
            form, "Scale", "scale", {"spot": "per spot", "gene": "per gene"}
        )
        self.windowing_box = self._add_choice(
            form,
            "Grouping",
            "windowing",
            {
                "section": "whole sections",
                "section32": "32 spots, per section",
                "sequence32": "32 spots, as released",
            },
        )

    def _add_choice(
        self, form: QFormLayout, title: str, key: str, names: dict[str, str]
    ) -> QComboBox:
        box = ignore_idle_wheel(QComboBox())
        for value, name in names.items():
            box.addItem(name, value)
        box.setToolTip(_HELP[key])
        self._add_row(form, title, key, box)
        return box

    # ---- asking --------------------------------------------------------------------------

    def _ask_checkpoint(self) -> None:
        self._put(self.checkpoint, "Choose the checkpoint", "Checkpoints (*.pt *.pth);;All (*)")

    def _ask_genes(self) -> None:
        self._put(
            self.genes, "Choose the gene list", "Gene lists (*.npy *.txt *.csv *.tsv);;All (*)"
        )

    def _put(self, edit: QLineEdit, title: str, patterns: str) -> None:
        if path := self._panel.ask_file(title, patterns):
            edit.setText(str(path))

    def _ask_folder(self) -> None:
        if path := self._panel.ask_folder("Choose a folder of reference sections"):
            self.sections.addItem(str(path))

    def _ask_section(self) -> None:
        if path := self._panel.ask_file("Choose a reference section", "Sections (*.h5ad);;All (*)"):
            self.sections.addItem(str(path))

    def _ask_output(self) -> None:
        name = Path(self.checkpoint.text() or "model").stem + ".safetensors"
        if path := self._panel.ask_save("Save the model as", name, "Models (*.safetensors)"):
            self.output.setText(str(path))

    def _ask(self) -> None:
        try:
            request = self.request()
        except ValueError as error:
            self.notice.say("warning", str(error))
            return
        self.notice.say("warning", "")
        self.requested.emit(request)
