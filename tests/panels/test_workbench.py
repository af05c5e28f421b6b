"""What is typed in napari's console acts on the window, which stays alive meanwhile."""

from __future__ import annotations

import threading
from weakref import ref

import numpy as np
import pytest

from napari_stexp.errors import SlideError, StexpError
from napari_stexp.panels import get_workbench
from napari_stexp.panels.workbench import WindowHost
from napari_stexp.session import Workbench

pytestmark = pytest.mark.gui


@pytest.fixture
def stexp(window):
    return get_workbench(window.viewer)


def test_a_script_and_the_panels_have_one_session(window, stexp, slide_file, spots_file) -> None:
    stexp.open_slide(slide_file)
    stexp.load_spots(spots_file)
    assert stexp.session is window.session
    assert stexp is get_workbench(window.viewer)
    assert [layer.name for layer in window.viewer.layers][:1] == ["small"]
    assert window.session.spots.n_obs == 30
    assert window.errors == []
    assert not {"slide", "spots"} & set(window.controller.tasks)


def test_predicting_shows_in_the_panel_and_keeps_the_window_alive(
    window, stexp, slide_file, spots_file, bundle_file
) -> None:
    from qtpy.QtCore import QTimer

    stexp.open_slide(slide_file)
    stexp.load_spots(spots_file)
    stexp.load_model(bundle_file)
    beats: list[bool] = []
    timer = QTimer()
    timer.timeout.connect(lambda: beats.append(window.controller.busy("predict")))
    timer.start(5)
    x, y = window.session.spots.obsm["spatial"].min(axis=0)
    part = stexp.predict((x - 10, y - 10, x + 110, y + 110))
    whole = stexp.predict()
    timer.stop()
    assert any(beats)  # timers fired while it ran
    assert whole is part
    assert whole.done == 30
    values = stexp.show("KRT19")
    np.testing.assert_array_equal(values, whole.adata[:, "KRT19"].X.ravel())
    assert window.session.gene == "KRT19"


def test_errors_are_raised_where_the_method_was_called(window, stexp, tmp_path) -> None:
    with pytest.raises(SlideError, match="doesn't exist"):
        stexp.open_slide(tmp_path / "nothing.tif")
    assert [area for area, _ in window.errors] == ["slide"]
    assert "slide" not in window.controller.tasks


def test_cancelling_in_the_window_ends_the_method(
    window, stexp, slide_file, spots_file, bundle_file
) -> None:
    stexp.open_slide(slide_file)
    stexp.load_spots(spots_file)
    stexp.load_model(bundle_file)
    window.controller.task_started.connect(lambda area, _: window.controller.cancel(area))
    with pytest.raises(StexpError, match="cancelled"):
        stexp.predict()


def test_a_workspace_is_the_windows_own(window, stexp, slide_file, spots_file, tmp_path) -> None:
    stexp.open_slide(slide_file)
    stexp.load_spots(spots_file)
    path = stexp.save_workspace(tmp_path / "work.stexp")
    assert window.controller.workspace.path == path
    stexp.close()
    workspace = stexp.open_workspace(path)
    assert not workspace.missing
    assert window.session.slide.name == "small"
    assert window.session.spots.n_obs == 30


def test_figures_are_written_through_the_window(
    window, stexp, slide_file, spots_file, tmp_path
) -> None:
    stexp.open_slide(slide_file)
    stexp.load_spots(spots_file)
    stexp.show("ERBB2")
    (path,) = stexp.export_figure(tmp_path / "view.png", bounds="view", dpi=60)
    assert path.is_file()
    assert window.errors == []


def test_the_view_and_the_tabs_are_the_windows(shown_window, slide_file, spots_file) -> None:
    w, stexp = shown_window, get_workbench(shown_window.viewer)
    found = stexp.open(spots_file, slide_file)
    assert [kind for _, kind in found] == ["slide", "spots"]
    stexp.fly_to("2x1")
    x, y = w.session.spots.obsm["spatial"][8]
    left, top, right, bottom = w.controller.predicting.view
    assert ((left + right) / 2, (top + bottom) / 2) == pytest.approx((x, y), abs=1)
    near = right - left
    stexp.fit()
    left, _, right, _ = w.controller.predicting.view
    assert right - left > 2 * near
    stexp.show_tab("Genes")
    w.wait(lambda: not w.genes.visibleRegion().isEmpty())
    with pytest.raises(StexpError, match="no such tab"):
        stexp.show_tab("Nowhere")
    stexp.close_slide()
    assert w.errors == []


def test_the_console_knows_the_workbench(window, stexp) -> None:
    pushed = [names["stexp"] for names in window.viewer.window._qt_viewer.console_backlog
              if "stexp" in names]  # fmt: skip
    assert [one() if isinstance(one, ref) else one for one in pushed] == [stexp]


def test_another_thread_is_refused(window, stexp) -> None:
    found: list[BaseException] = []

    def work() -> None:
        try:
            stexp.morans_i()
        except StexpError as error:
            found.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert "no genes" in str(found[0]) or "own thread" in str(found[0])


def test_a_closed_window_says_so() -> None:
    class Gone:
        pass

    host = WindowHost(Gone())
    with pytest.raises(StexpError, match="has been closed"):
        Workbench(host=host).predict("view")
