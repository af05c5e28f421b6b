"""How sections are made ready for training: genes, patches, and where they are kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from napari_stexp.dataset import PrepareSettings
from napari_stexp.errors import StexpError
from napari_stexp.panels.fold import Fold
from napari_stexp.panels.text import count
from napari_stexp.panels.train.setting_fields import SettingField, describe_fields, make_fields
from napari_stexp.panels.widgets import Notice, make_button, make_row

if TYPE_CHECKING:
    from napari_stexp.panels.panel import Panel
    from napari_stexp.session import Training

__all__ = ["PrepareForm"]

_GENES = "Gene lists (*.npy *.txt *.csv *.tsv *.pkl);;All files (*)"
_GENES_HELP = (
    "Which genes the model learns. Empty: genes that all sections measured and that vary most are "
    "chosen by the paper's rule. Or a list: .txt, .csv, .tsv, or .npy."
)
_FOLDER_HELP = (
    "Where the prepared data are kept, in a new folder. Preparing them again is not needed for "
    "another training."
)
_TITLES = {
    "patch_px": "Patch, px",
    "mpp": "Patch's µm/px",
    "context": "Fields of view",
    "fill": "Colour outside",
    "n_top_genes": "Variable genes",
    "flavor": "Ranked by",
    "min_spots": "Least spots, gene",
    "min_section_spots": "Least spots, section",
    "missing": "Missing genes",
}
_CHOICES = {
    "flavor": (("seurat", "cell_ranger", "seurat_v3", "seurat_v3_paper"), False),
    "missing": (("error", "zero"), False),
}


class PrepareForm(QWidget):
    """Asks for gene list, folder and settings."""

    prepare_requested = Signal()
    settings_requested = Signal(object, object)  # PrepareSettings, gene list's Path or None

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self._panel = panel
        self._proposed = ""
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(3)
        self.genes = self._add_path(form, "Gene list", _GENES_HELP, self._ask_genes)
        self.genes.setPlaceholderText("chosen by the paper's rule")
        self.folder = self._add_path(form, "Keep in", _FOLDER_HELP, self._ask_folder)
        self.fields = make_fields(PrepareSettings, _CHOICES, self)
        self.more = self._make_more()
        self.notice = Notice("error")
        self.size_line = QLabel()
        self.size_line.setWordWrap(True)
        self.button = make_button(
            "Prepare",
            "Choose the genes and cut a patch of the picture for every spot. Takes minutes; what "
            "is done is kept when you cancel.",
            self._ask,
        )
        self.button.setMinimumHeight(34)
        self.button.setStyleSheet("QPushButton { font-weight: 700; }")
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(4)
        outer.addLayout(form)
        outer.addWidget(self.more)
        outer.addWidget(self.notice)
        outer.addWidget(self.size_line)
        outer.addWidget(self.button)
        self.show_settings(PrepareSettings())
        for field in self.fields.values():
            field.changed.connect(self._check)
        self.genes.textChanged.connect(self._check)

    def _make_more(self) -> Fold:
        more = Fold("Genes and patches", "How genes are chosen and how patches are cut.")
        helps = describe_fields(PrepareSettings)
        body = QWidget()
        form = QFormLayout(body)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(3)
        for name, field in self.fields.items():
            label = QLabel(_TITLES.get(name, name))
            field.widget.setToolTip(f"{helps.get(name, '')}\n({name})".strip())
            label.setToolTip(field.widget.toolTip())
            form.addRow(label, field.widget)
        more.column.addWidget(body)
        return more

    def _add_path(self, form: QFormLayout, title: str, words: str, ask: Any) -> QLineEdit:
        line = QLineEdit()
        line.setToolTip(words)
        button = make_button("…", words, ask)
        button.setFixedWidth(28)
        label = QLabel(title)
        label.setToolTip(words)
        form.addRow(label, make_row(line, button, stretch=0))
        return line

    # ---- showing -------------------------------------------------------------------------

    def show_settings(self, settings: PrepareSettings) -> None:
        """Show settings."""
        for name, field in self.fields.items():
            field.show(getattr(settings, name))
        self.notice.say("error", "")

    def propose_folder(self, folder: Path) -> None:
        """Put a folder's name into the form unless the user has typed another one."""
        if self.folder.text() in ("", self._proposed):
            self._proposed = str(folder)
            self.folder.setText(self._proposed)

    def show_state(self, training: Training, busy: bool) -> None:
        """Say how much it will be; enable the button where it can be done."""
        missing = training.missing_to_prepare()
        self.button.setEnabled(not missing and not busy)
        self.setEnabled(not busy)
        chosen = {source.name for source in training.chosen_sources()}
        spots = sum(row.n_spots or 0 for row in training.sections if row.name in chosen)
        self.size_line.setText(self._describe_size(len(chosen), spots))

    def _describe_size(self, sections: int, spots: int) -> str:
        settings = self.settings()
        if not spots or settings is None:
            return ""
        size = spots * len(settings.context) * settings.patch_px**2 * 3
        return (
            f"{count(sections, 'section')}, {count(spots, 'spot')}: about {describe_bytes(size)} "
            "on the disk."
        )

    # ---- asking --------------------------------------------------------------------------

    def settings(self) -> PrepareSettings | None:
        """Return what is in the form; None where something is wrong, which is then told."""
        values: dict[str, Any] = {}
        problems = []
        for name, field in self.fields.items():
            problem = _read_into(values, field)
            field.mark(problem)
            if problem:
                problems.append(f"{_TITLES.get(name, name)}: {problem}.")
        settings = None
        if not problems:
            try:
                settings = PrepareSettings(**values)
            except StexpError as error:
                problems.append(error.message)
        self.notice.say("error", "\n".join(problems))
        return settings

    def genes_file(self) -> Path | None:
        """Return the gene list's file."""
        text = self.genes.text().strip()
        return Path(text) if text else None

    def _check(self) -> None:
        settings = self.settings()
        if settings is not None:
            self.settings_requested.emit(settings, self.genes_file())

    def _ask(self) -> None:
        if not self.folder.text().strip():
            self.notice.say("error", "Choose a folder to keep the prepared data in.")
        elif self.settings() is not None:
            self.prepare_requested.emit()

    def _ask_genes(self) -> None:
        if path := self._panel.ask_file("Choose a gene list", _GENES):
            self.genes.setText(str(path))

    def _ask_folder(self) -> None:
        if path := self._panel.ask_folder("Choose where to keep the prepared data"):
            empty = not any(path.iterdir())
            self.folder.setText(str(path if empty else path / "prepared"))


def _read_into(values: dict[str, Any], field: SettingField) -> str:
    try:
        values[field.name] = field.value()
    except ValueError as error:
        return str(error)
    return ""


def describe_bytes(size: int) -> str:
    """Return '660 MB'."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{max(1, round(size / 1e6)):,} MB"
