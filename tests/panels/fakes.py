"""Stand-ins for what takes minutes: a training and its test."""

from __future__ import annotations

import time

from napari_stexp.progress import Progress
from napari_stexp.session import RunOutcome

STEPS = 3  # per epoch

SCORES = {
    ("mclstexp", "spot"): {"acg_pcc": (0.25, 0.2, 0.3), "heg_pcc": (0.31, 0.25, 0.4)},
    ("mean", "spot"): {"acg_pcc": (0.02, -0.03, 0.05), "heg_pcc": (0.01, -0.02, 0.03)},
    ("ridge_statistics", "spot"): {"acg_pcc": (0.15, 0.1, 0.2), "heg_pcc": (0.2, 0.15, 0.3)},
    ("mclstexp", "gene"): {"acg_pcc": (0.3, 0.2, 0.4), "heg_pcc": (0.5, 0.4, 0.6)},
    ("mean", "gene"): {"acg_pcc": (0.0, -0.1, 0.1), "heg_pcc": (0.0, -0.1, 0.1)},
    ("ridge_statistics", "gene"): {"acg_pcc": (0.32, 0.25, 0.4), "heg_pcc": (0.55, 0.5, 0.6)},
}


class FakeTraining:
    """Takes the place of `napari_stexp.study.train_run`: a step every ``pause`` seconds.

    As the real one does, it keeps a run's record, a checkpoint at the end of every epoch
    and when it is closed, and a table of epochs.
    """

    def __init__(self, bundle_file, pause=0.02):
        self.bundle_file, self.pause = bundle_file, pause
        self.error, self.fail_at = None, None
        self.calls, self.closed = [], 0

    def __call__(self, dataset, run, folder, *, resume=False, device="auto"):
        from napari_stexp.model import load_bundle
        from napari_stexp.train import TrainingReport

        self.calls.append((folder, resume, run))
        folder.mkdir(exist_ok=resume)
        run.write(folder)
        checkpoint, log = folder / "checkpoint.pt", folder / "log.csv"
        done = int(checkpoint.read_text()) if resume else 0
        if not resume:
            log.write_text("epoch,step,loss,validation_acg_pcc_spot\n")
        total = STEPS * run.settings.epochs
        try:
            for step in range(done, total):
                time.sleep(self.pause)
                if step == self.fail_at:
                    raise self.error
                done, epoch = step + 1, step // STEPS + 1
                yield Progress(
                    done, total, f"epoch {epoch}", new=TrainingReport(epoch, done, 4 / done, 1e-3)
                )
                if done % STEPS == 0:
                    with log.open("a") as file:
                        file.write(f"{epoch},{done},{4 / done},{0.01 * epoch}\n")
                    checkpoint.write_text(str(done))
                    if run.plan.validation:
                        numbers = {"loss": 1.0, "acg_pcc_spot": 0.01 * epoch}
                        report = TrainingReport(epoch, done, 4 / done, 1e-3, numbers)
                        yield Progress(done, total, f"epoch {epoch}", new=report)
        except GeneratorExit:
            checkpoint.write_text(str(done))
            self.closed += 1
            raise
        (folder / "model.safetensors").write_bytes(self.bundle_file.read_bytes())
        return load_bundle(folder / "model.safetensors")


class FakeTest:
    """Takes the place of `evaluate_steps`; ``error`` makes it fail."""

    def __init__(self):
        self.error, self.scores = None, SCORES

    def __call__(self, bundle, plan):
        yield Progress(0, 0, "evaluating")
        if self.error is not None:
            raise self.error
        held_out = plan.run.plan.held_out
        report = plan.folder / "report.html"
        report.write_text("<html></html>")
        return RunOutcome(
            plan.folder / "model.safetensors", self.scores, plan.run.split, held_out, report
        )
