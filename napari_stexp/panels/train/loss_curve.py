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

    matplotlib is imported when there is something to draw; tasks that bring something
    import most of it ahead, in their worker.
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
        self._plot: _Plot | None = None
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
        text = self.palette().color(self.foregroundRole()).name()
        back = self.palette().color(self.backgroundRole()).name()
        key = (text, back, score_name(self._log), bool(self._log.steps_per_epoch))
        if self._plot is None or self._plot.key != key:
            self._plot = _Plot(self._figure, *key)
        self._plot.update(self._log)
        self._canvas.draw()
        self.draw_ms = 1000 * (time.perf_counter() - start)

    def _make_canvas(self) -> None:
        canvas_class, figure_class = import_canvas()
        self._figure = figure_class()
        self._canvas = canvas_class(self._figure)
        self._canvas.setFixedHeight(_HEIGHT)
        self._canvas.setMinimumWidth(0)
        self._canvas.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._layout.addWidget(self._canvas)


class _Plot:
    """Axes, lines and legend, made once and then moved: making them anew takes ten times as long.

    Parameters
    ----------
    figure : Figure
        Is emptied.
    text, back : str
        Colours.
    score : str or None
        Which validation score is drawn on an axis of its own.
    in_epochs : bool
        Whether x counts epochs, else steps.
    """

    def __init__(
        self, figure: Any, text: str, back: str, score: str | None, in_epochs: bool
    ) -> None:
        self.key = (text, back, score, in_epochs)
        self._score = score
        figure.clear()
        figure.set_facecolor(back)
        # Room for the axes' words, in parts of the figure; a layout engine measures it each time.
        figure.subplots_adjust(
            left=0.16, right=0.97 if score is None else 0.81, bottom=0.2, top=0.9
        )
        axes = figure.add_subplot()
        (self._steps,) = axes.plot([], [], color=_LOSS, lw=0.7, alpha=0.55, label="loss, each step")
        style = {"lw": 2.2, "marker": "o", "ms": 3}
        (self._means,) = axes.plot([], [], color=_LOSS, label="loss, each epoch", **style)
        axes.set_ylabel("Training loss", fontsize=_FONT, color=text)
        axes.set_xlabel("Epoch" if in_epochs else "Step", fontsize=_FONT, color=text)
        self._axes, self._other = axes, None
        handles = axes.get_lines()
        if score is not None:
            self._other = axes.twinx()
            style = {"lw": 1.6, "marker": "s", "ms": 3.5}
            self._checks = self._other.plot([], [], color=_SCORE, label="check, r", **style)
            self._other.set_ylabel(describe_score(score), fontsize=_FONT, color=text)
            handles = [*handles, *self._checks]
            _dress(self._other, text, back)
        _dress(axes, text, back)
        for each in (axes, self._other):
            if each is not None:
                each.spines["right"].set_visible(score is not None)
        legend = figure.legend(
            handles=handles,
            loc="upper center",
            ncols=len(handles),
            fontsize=_FONT - 1,
            frameon=False,
            handlelength=1.2,
            columnspacing=0.9,
            handletextpad=0.4,
            borderpad=0.2,
        )
        for label in legend.get_texts():
            label.set_color(text)

    def update(self, log: TrainingLog) -> None:
        """Show a log's numbers."""
        x, y = log.thinned(_MOST_POINTS)
        ends, means = log.epoch_means
        self._steps.set_data(x, y)
        self._means.set_data(ends, means)
        _fit(self._axes, [*y, *means], 0.01)
        last = max([1.0, *x[-1:], *ends[-1:]])
        self._axes.set_xlim(0, 1.02 * last)
        if self._other is not None and self._score is not None:
            at, values = log.validation(self._score)
            self._checks[0].set_data(at, values)
            _fit(self._other, values, 0.05)
        self._axes.xaxis.set_major_locator(_max_ticks(6, integer=last > 3))


def _fit(axes: Any, values: Any, least: float) -> None:
    """Set the y range to some values, and to ``least`` if they are nearly the same."""
    import numpy as np

    values = np.asarray(values, dtype=np.float64)
    values = values[np.isfinite(values)]
    if not len(values):
        return
    low, high = float(values.min()), float(values.max())
    margin = max((least - (high - low)) / 2, 0.05 * (high - low))
    axes.set_ylim(low - margin, high + margin)


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
    axes.set_facecolor(back)
    axes.tick_params(labelsize=_FONT - 1, colors=text, length=3)
    axes.yaxis.set_major_locator(_max_ticks(5))
    axes.spines["top"].set_visible(False)
    for spine in axes.spines.values():
        spine.set_color(text)
        spine.set_alpha(0.5)


def _max_ticks(number: int, **options: Any) -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(number, **options)
