"""The course of a training as a curve: loss on the left axis, validation score on the right."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QSize, Qt, QTimer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from napari_stexp.session import TrainingLog

__all__ = ["LossCurve"]

_EVERY_MS = 250
_HEIGHT = 210
_MOST_POINTS = 600  # more than the widget has pixels across
_FONT = 8
# Blue and orange of a palette that colour-blind eyes tell apart (Okabe & Ito).
_LOSS, _SCORE = "#56B4E9", "#E69F00"


class LossCurve(QWidget):
    """Draws a `TrainingLog`, at most four times a second, and only while it is seen.

    matplotlib is imported when there is something to draw; `import_canvas` does
    so ahead, in a worker.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setToolTip(
            "Thin: the loss of every step of learning; thick: its mean over an epoch. It should "
            "fall. Orange: how well the sections ticked “Check” are predicted; it should rise."
        )
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._log: TrainingLog | None = None
        self._figure: Any = None
        self._canvas: Any = None
        self.draw_ms = 0.0  # how long the last drawing took
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_EVERY_MS)
        self._timer.timeout.connect(self._draw_if_seen)
        self.hide()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Be as wide as the panel."""
        return QSize(300, _HEIGHT)

    def show_log(self, log: TrainingLog) -> None:
        """Show a log, soon; an empty one hides the curve."""
        self._log = log
        self.setVisible(bool(len(log)))
        if len(log) and not self._timer.isActive():
            self._timer.start()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Draw what has come while nobody looked."""
        super().showEvent(event)
        if self._log is not None and not self._timer.isActive():
            self._timer.start()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Follow the theme."""
        super().changeEvent(event)
        themed = event.type() in (QEvent.Type.StyleChange, QEvent.Type.PaletteChange)
        if themed and self._log is not None and not self._timer.isActive():
            self._timer.start()

    # ---- drawing -------------------------------------------------------------------------

    def _draw_if_seen(self) -> None:
        if not self.isVisible() or self._log is None or not len(self._log):
            return  # shown again, it draws
        start = time.perf_counter()
        if self._canvas is None:
            self._make_canvas()
        self._draw(self._log)
        self._canvas.draw()
        self.draw_ms = 1000 * (time.perf_counter() - start)

    def _make_canvas(self) -> None:
        canvas_class, figure_class = import_canvas()
        self._figure = figure_class(layout="constrained")
        self._figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02)
        self._canvas = canvas_class(self._figure)
        self._canvas.setFixedHeight(_HEIGHT)
        self._canvas.setMinimumWidth(0)
        self._canvas.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._layout.addWidget(self._canvas)

    def _draw(self, log: TrainingLog) -> None:
        text = self.palette().color(self.foregroundRole()).name()
        back = self.palette().color(self.backgroundRole()).name()
        figure = self._figure
        figure.clear()
        figure.set_facecolor(back)
        axes = figure.add_subplot()
        x, y = log.thinned(_MOST_POINTS)
        axes.plot(x, y, color=_LOSS, lw=0.7, alpha=0.55, label="loss, each step")
        ends, means = log.epoch_means
        axes.plot(ends, means, color=_LOSS, lw=2.2, marker="o", ms=3, label="loss, each epoch")
        axes.set_ylabel("Training loss", fontsize=_FONT, color=text)
        axes.set_xlabel("Epoch" if log.steps_per_epoch else "Step", fontsize=_FONT, color=text)
        last = max(float(x[-1]), 1.0)
        axes.set_xlim(0, last * 1.02)
        handles = axes.get_lines()
        both = [axes]
        if (score := score_name(log)) is not None:
            other = axes.twinx()
            at, values = log.validation(score)
            other.plot(at, values, color=_SCORE, lw=1.6, marker="s", ms=3.5, label="check, r")
            other.set_ylabel(describe_score(score), fontsize=_FONT, color=text)
            handles = [*handles, *other.get_lines()]
            both.append(other)
        axes.spines["right"].set_visible(score is not None)
        for each in both:
            _dress(each, text, back)
        legend = figure.legend(
            handles=handles,
            loc="outside upper center",
            ncols=len(handles),
            fontsize=_FONT - 1,
            frameon=False,
            handlelength=1.2,
            columnspacing=0.9,
            handletextpad=0.4,
            borderpad=0,
        )
        for label in legend.get_texts():
            label.set_color(text)


def import_canvas() -> tuple[Any, Any]:
    """Import matplotlib's Qt canvas and figure; slow the first time, when fonts are listed."""
    from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
    from matplotlib.figure import Figure

    return FigureCanvasQTAgg, Figure


def score_name(log: TrainingLog) -> str | None:
    """Return the validation score to draw: a mean correlation if there is one."""
    names = log.validation_names
    for start in ("acg_pcc", "acg", "heg"):
        for name in names:
            if name.startswith(start):
                return name
    return None


def describe_score(name: str) -> str:
    """Return a score's axis title."""
    scale = {"spot": ", per spot", "gene": ", per gene"}.get(name.rpartition("_")[2], "")
    return f"Mean correlation{scale}"


def _dress(axes: Any, text: str, back: str) -> None:
    """Give axes the window's colours and small type."""
    from matplotlib.ticker import MaxNLocator

    axes.set_facecolor(back)
    axes.tick_params(labelsize=_FONT - 1, colors=text, length=3)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=axes.get_xlim()[1] > 3))
    axes.spines["top"].set_visible(False)
    for spine in axes.spines.values():
        spine.set_color(text)
        spine.set_alpha(0.5)
