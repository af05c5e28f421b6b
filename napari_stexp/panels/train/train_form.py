"""How to train: a preset, the settings that one changes, and all the others on request."""

from __future__ import annotations

import dataclasses
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QLabel, QVBoxLayout, QWidget

from napari_stexp.errors import StexpError
from napari_stexp.model import ENCODERS, WINDOWINGS
from napari_stexp.panels.fold import Fold
from napari_stexp.panels.train.setting_fields import SettingField, describe_fields, make_fields
from napari_stexp.panels.widgets import Notice, ignore_idle_wheel, make_button, make_row
from napari_stexp.study import PRESETS
from napari_stexp.train import TrainSettings

__all__ = ["TrainForm"]

_PRESET_WORDS = {
    "paper": ("paper", "The paper's settings. On a large network: takes a graphics card."),
    "small": ("small", "A small network from nothing, for a try in minutes without one."),
    "pretrained": (
        "pretrained",
        "A network that has seen photographs, left as it is: what measured best on a few hundred "
        "spots. Its weights are downloaded once.",
    ),
}
_CUSTOM = "as set below"
_DEVICE_HELP = "What computes. Automatic takes a graphics card if there is one that works."

# What the form shows at once, with titles and words for a reader who is no engineer.
_FRONT = {
    "encoder": (
        "Image network",
        "The network that looks at the picture. densenet121 is the paper's; resnet18 is small "
        "and quick; timm:NAME takes any network of the timm collection.",
    ),
    "weights": (
        "Start from",
        "none: the network knows nothing yet. imagenet: it has learned to see on photographs "
        "(downloaded once). Or the file of a network that has.",
    ),
    "epochs": ("Epochs", "How often the training goes through all spots."),
    "batch_size": (
        "Batch size",
        "How many spots are looked at together. More needs more memory; each spot is told apart "
        "from all the others of its batch.",
    ),
    "learning_rate": (
        "Learning rate",
        "How large a step of learning is. Too large: the curve jumps; too small: it creeps.",
    ),
    "temperature": (
        "Temperature",
        "How sharply a spot must be told apart from the others. The paper's is 1; smaller is "
        "sharper.",
    ),
}
# Titles of the other settings, where the field's name says little.
_TITLES = {
    "normalize": "Colours as in",
    "freeze_encoder": "Freeze the network",
    "encoder_learning_rate": "Network's own rate",
    "unit_length": "Unit length",
    "flips": "Random flips",
    "rotation": "Random rotation",
    "jitter": "Colour jitter",
    "position_std": "Position spread",
    "recalibrate_norm": "Recalibrate norms",
    "validate_every": "Check after epochs",
    "patience": "Stop early after",
    "checkpoint_every": "Save after epochs",
    "checkpoint_minutes": "Save after minutes",
    "max_minutes": "Stop after minutes",
    "tensorboard": "TensorBoard log",
    "workers": "Reading threads",
}
_CHOICES: dict[str, tuple[tuple[str, ...], bool]] = {
    "encoder": ((*ENCODERS, "stain_statistics"), True),
    "weights": (("none", "imagenet"), True),
    "normalize": (("none", "weights"), False),
    "optimizer": (("adam", "adamw"), False),
    "schedule": (("constant", "cosine"), False),
    "rotation": (("any", "quarter", "none"), False),
    "position_encoding": (("table", "none", "sincos"), False),
    "feature_norm": (("none", "batch"), False),
    "attention": (("batch", "section", "none"), False),
    "windowing": (WINDOWINGS, False),
    "precision": (("32-true", "bf16-mixed", "16-mixed"), False),
}


class TrainForm(QWidget):
    """Edits a `TrainSettings` and the compute device; says at once what can't be."""

    settings_requested = Signal(object)  # TrainSettings
    device_requested = Signal(str)
    weights_file_wanted = Signal()
    checked = Signal()  # something was typed, whether it can be or not

    def __init__(self) -> None:
        super().__init__()
        self.problems: dict[str, str] = {}
        self.shown: TrainSettings | None = None  # or typed, the last time that all was right
        self._own: TrainSettings | None = None  # the last that are no preset's
        helps = describe_fields(TrainSettings)
        self.fields = make_fields(TrainSettings, _CHOICES, self)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(4)
        front, self._front_form = _make_form()
        outer.addWidget(front)
        self._add_preset()
        for name, (title, words) in _FRONT.items():
            if name in self.fields:
                self._add(self._front_form, self.fields[name], title, words)
        self._add_device()
        self.notice = Notice("error")
        outer.addWidget(self.notice)
        self.more = Fold("More settings", "All other settings of the training.")
        body, form = _make_form()
        for name, field in self.fields.items():
            if name not in _FRONT:
                self._add(form, field, _title(name), helps.get(name, ""))
        self.more.column.addWidget(body)
        outer.addWidget(self.more)
        for field in self.fields.values():
            field.changed.connect(self._on_changed)
        self.show_settings(TrainSettings())

    # ---- building ------------------------------------------------------------------------

    def _add(self, form: QFormLayout, field: SettingField, title: str, words: str) -> None:
        field.widget.setToolTip(f"{words}\n({field.name})".strip())
        label = QLabel(title)
        label.setToolTip(field.widget.toolTip())
        if field.name == "weights":
            button = make_button(
                "…",
                "Choose a file with the network's weights (.pth, .pt, .safetensors).",
                self.weights_file_wanted.emit,
            )
            button.setFixedWidth(28)
            form.addRow(label, make_row(field.widget, button, stretch=0))
        else:
            form.addRow(label, field.widget)

    def _add_preset(self) -> None:
        self.preset_box = ignore_idle_wheel(QComboBox())
        for name in PRESETS:
            title, words = _PRESET_WORDS.get(name, (name, ""))
            self.preset_box.addItem(title, name)
            self.preset_box.setItemData(
                self.preset_box.count() - 1, words, Qt.ItemDataRole.ToolTipRole
            )
        self.preset_box.addItem(_CUSTOM, "")
        self.preset_box.setToolTip(
            "Settings that go together. "
            + " ".join(f"{title}: {words}" for title, words in _PRESET_WORDS.values())
            + f" “{_CUSTOM}” brings your own back."
        )
        self.preset_box.activated.connect(self._on_preset)
        label = QLabel("Preset")
        label.setToolTip(self.preset_box.toolTip())
        self._front_form.addRow(label, self.preset_box)

    def _add_device(self) -> None:
        self.device_box = ignore_idle_wheel(QComboBox())
        self.device_box.addItem("automatic", "auto")
        self.device_box.setToolTip(_DEVICE_HELP)
        self.device_box.activated.connect(
            lambda _index: self.device_requested.emit(self.device_box.currentData())
        )
        label = QLabel("Device")
        label.setToolTip(self.device_box.toolTip())
        self._front_form.addRow(label, self.device_box)

    # ---- showing -------------------------------------------------------------------------

    def show_settings(self, settings: TrainSettings) -> None:
        """Show settings in place of what has been typed."""
        self.shown = settings
        for name, field in self.fields.items():
            field.show(getattr(settings, name))
        self._tell({})
        self._show_preset(settings)

    def show_devices(self, devices: list[Any], chosen: str) -> None:
        """List the compute devices."""
        self.device_box.clear()
        best = f" ({devices[0].name})" if devices else ""
        self.device_box.addItem(f"automatic{best}", "auto")
        for device in devices:
            self.device_box.addItem(device.name, device.name)
        known = "; ".join(f"{device.name}: {device.label}" for device in devices)
        self.device_box.setToolTip(f"{_DEVICE_HELP}\n{known}".strip())
        self.device_box.setCurrentIndex(max(0, self.device_box.findData(chosen)))

    def _show_preset(self, settings: TrainSettings | None) -> None:
        names = [name for name in PRESETS if _preset(name) == settings]
        self.preset_box.setCurrentIndex(self.preset_box.findData(names[0] if names else ""))
        if settings is not None and not names:
            self._own = settings

    def _tell(self, problems: dict[str, str]) -> None:
        self.problems = problems
        for name, field in self.fields.items():
            field.mark(problems.get(name, ""))
        lines = [f"{_title_of(name)}: {what}." for name, what in problems.items()]
        self.notice.say("error", "\n".join(lines))

    # ---- asking --------------------------------------------------------------------------

    def _read(self) -> TrainSettings | None:
        """Return what is in the form; None where something is wrong, which is then told."""
        values: dict[str, Any] = {}
        problems: dict[str, str] = {}
        for name, field in self.fields.items():
            try:
                values[name] = field.value()
            except ValueError as error:
                problems[name] = str(error)
        if not problems:
            try:
                settings = TrainSettings(**values)
            except StexpError as error:
                problems[""] = error.message
            else:
                self._tell({})
                return settings
        self._tell(problems)
        return None

    def _on_changed(self) -> None:
        settings = self._read()
        self._show_preset(settings)
        if settings is not None:
            self.shown = settings
            self.settings_requested.emit(settings)
        self.checked.emit()

    def _on_preset(self, _index: int) -> None:
        name = self.preset_box.currentData()
        settings = _preset(name) if name else self._own
        if settings is not None:
            self.show_settings(settings)
            self.settings_requested.emit(settings)
            self.checked.emit()


def _make_form() -> tuple[QWidget, QFormLayout]:
    widget = QWidget()
    form = QFormLayout(widget)
    form.setContentsMargins(0, 0, 0, 0)
    form.setVerticalSpacing(3)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return widget, form


def _preset(name: str) -> TrainSettings:
    known = {field.name for field in dataclasses.fields(TrainSettings)}
    return TrainSettings(**{key: v for key, v in PRESETS[name].items() if key in known})


def _title(name: str) -> str:
    return _TITLES.get(name) or name.replace("_", " ").capitalize()


def _title_of(name: str) -> str:
    return _FRONT[name][0] if name in _FRONT else (_title(name) or "Settings")
