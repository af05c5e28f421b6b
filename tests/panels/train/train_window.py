"""The window with the panel *Train*, as a user has it before them."""

from __future__ import annotations

from tests.panels.conftest import Desk

TINY = {
    "encoder": "resnet18",
    "epochs": 2,
    "batch_size": 10,
    "unit_length": True,
    "temperature": 0.1,
    "position_std": 0.01,
    "projection": 16,
    "heads": 1,
    "head_width": 8,
    "layers": 1,
    "workers": 0,
}


def tiny(**changes):
    from napari_stexp.train import TrainSettings

    return TrainSettings(**(TINY | changes))


class TrainWindow(Desk):
    """A viewer with this panel alone."""

    def __init__(self, viewer, qtbot, monkeypatch):
        from napari_stexp.panels import open_train

        super().__init__(viewer, qtbot, monkeypatch)
        self.panel = open_train(viewer)
        self.training = self.session.training

    def settle(self):
        """Wait until nothing runs; the first training imports much."""
        self.qtbot.wait(20)
        self.wait(lambda: not self.controller.tasks, timeout=300_000)

    def find(self, path):
        self.choose(path)
        self.click(self.panel.sources.list_button)
        self.settle()

    def open(self, folder):
        self.choose(folder)
        self.click(self.panel.sources.folder_button)
        self.settle()

    def begin(self, settings):
        self.training.settings = settings
        self.click(self.panel.train_button)

    def wait_for_steps(self, number):
        self.wait(lambda: bool(len(self.training.log) >= number or self.errors), timeout=120_000)
        assert self.errors == []

    def cancel(self, area):
        self.click(self.panel.row(area).cancel_button)
        self.settle()
