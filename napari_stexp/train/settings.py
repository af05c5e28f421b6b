"""How to train: every choice with the paper's value as its default."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from napari_stexp.model import WINDOWINGS, ModelSizes
from napari_stexp.model.encoder_names import encoder_problem
from napari_stexp.model.records import (
    Record,
    RuleError,
    choice,
    many,
    number,
    optional,
    rule,
    text,
    whole,
)

__all__ = ["TrainSettings"]


def _encoder(value: Any) -> str:
    """Accept the name of an image encoder."""
    problem = encoder_problem(value)
    if problem:
        raise RuleError(f"expected the name of an image encoder, found {problem}")
    return str(value)


_yes_no: Callable[[Any], Any] = choice(True, False)


@dataclass(frozen=True)
class TrainSettings(Record):
    """How to train; the defaults are the paper's for HER2+ (Min et al. 2024).

    Attributes
    ----------
    encoder : str
        Image encoder (`napari_stexp.model.check_encoder` says which there are).
    weights : str
        What the image encoder begins with: ``'none'`` (random), ``'imagenet'``
        (downloaded; the paper's) or a local file. Nothing is downloaded unless
        it is asked for.
    normalize : {'none', 'weights'}
        Whether patches are normalised as those weights want. ``'none'`` leaves
        the data's input contract as it is (RGB in 0..1), which is the paper's.
    freeze_encoder : bool
        Leave the image encoder as it is and train the rest on its features,
        which are computed once for ``feature_views`` views of each patch
        (`napari_stexp.train.features`).
    feature_views : int
        See there; 1 is the patch itself.
    epochs, batch_size : int
        Batches are drawn from all sections, shuffled anew in each epoch, and of
        nearly equal size (no tiny last one).
    learning_rate, weight_decay : float
        Of the optimizer.
    encoder_learning_rate : float, optional
        Of the image encoder, where it is another.
    optimizer : {'adam', 'adamw'}
        Adam adds the weight decay to the gradient, AdamW decays the weights.
    schedule : {'constant', 'cosine'}
        Of the learning rates; 'cosine' falls to 0 over all steps.
    temperature, unit_length, soft_targets
        See `napari_stexp.train.contrastive_loss`.
    learn_temperature : bool
        Train the temperature, too, beginning with ``temperature``; at least 0.01.
    jitter : tuple of 3 floats
        Strength of random brightness, contrast and saturation.
    stain_jitter : float
        Strength of random changes of haematoxylin, eosin and DAB (the third,
        residual stain); 0.05 is light, 0.2 strong.
    flips : bool
        Random horizontal flips.
    rotation : {'any', 'quarter', 'none'}
        Random rotation by any angle (corners are the contract's ``fill``), or by
        quarter turns.
    position_encoding, feature_norm, projection, layers, heads, head_width
        See `napari_stexp.model.ModelSizes`.
    position_std : float
        Standard deviation of the position tables' initial values. With the
        paper's 1 they outweigh the expression.
    dropout : float
        In the projection heads and the spot encoder, while training.
    feature_dropout : float
        Of the image features, before they are projected, while training.
    attention : {'batch', 'section', 'none'}
        Which spots of a batch attend to each other while training: all, those of
        the same section, or none (then ``windowing`` has to be 'spot').
    recalibrate_norm : bool
        Measure batch-norm statistics once more over all unchanged patches before
        each validation and after the last epoch. Running averages lag behind in
        short trainings.
    windowing : str
        Which spots attend to each other in the reference bank, see
        `napari_stexp.train.embed_bank`.
    precision : {'32-true', 'bf16-mixed', '16-mixed'}
        Of forward and backward pass.
    validate_every : int
        Epochs between two validations, where there are validation sections.
    patience : int
        Stop after so many validations without a better score, and keep the
        weights of the best one. 0: train all epochs and keep the last weights.
    checkpoint_every, checkpoint_minutes
        A checkpoint is written after so many epochs, and after so many minutes
        inside of an epoch.
    max_minutes : float, optional
        Stop after so many minutes of training, those before a resume included.
    tensorboard : bool
        Write TensorBoard events into the run's folder.
    seed : int
        Of weights, order, augmentation and dropout.
    workers : int
        Threads that read patches ahead; 0 reads in the training's own.
    """

    encoder: str = rule(_encoder, "densenet121")
    weights: str = rule(text(4096, empty=False), "none")
    normalize: str = rule(choice("none", "weights"), "none")
    freeze_encoder: bool = rule(_yes_no, False)
    feature_views: int = rule(whole(1, 64), 8)
    epochs: int = rule(whole(1, 100_000), 90)
    batch_size: int = rule(whole(2, 100_000), 128)
    learning_rate: float = rule(number(1e-8, 10), 1e-4)
    encoder_learning_rate: float | None = rule(optional(number(1e-8, 10)), None)
    weight_decay: float = rule(number(0, 10), 1e-3)
    optimizer: str = rule(choice("adam", "adamw"), "adam")
    schedule: str = rule(choice("constant", "cosine"), "constant")
    temperature: float = rule(number(1e-3, 1e3), 1.0)
    learn_temperature: bool = rule(_yes_no, False)
    unit_length: bool = rule(_yes_no, False)
    soft_targets: bool = rule(_yes_no, False)
    jitter: tuple[float, float, float] = rule(many(number(0, 1), 3), (0.5, 0.5, 0.5))
    stain_jitter: float = rule(number(0, 1), 0.0)
    flips: bool = rule(_yes_no, True)
    rotation: str = rule(choice("any", "quarter", "none"), "any")
    position_encoding: str = rule(choice("table", "none", "sincos"), "table")
    position_std: float = rule(number(0, 10), 1.0)
    feature_norm: str = rule(choice("none", "batch"), "none")
    projection: int = rule(whole(1, 16_384), 256)
    layers: int = rule(whole(0, 64), 2)
    heads: int = rule(whole(1, 256), 8)
    head_width: int = rule(whole(1, 4096), 64)
    dropout: float = rule(number(0, 0.95), 0.0)
    feature_dropout: float = rule(number(0, 0.95), 0.0)
    attention: str = rule(choice("batch", "section", "none"), "batch")
    recalibrate_norm: bool = rule(_yes_no, False)
    windowing: str = rule(choice(*WINDOWINGS), "section")
    precision: str = rule(choice("32-true", "bf16-mixed", "16-mixed"), "32-true")
    validate_every: int = rule(whole(1, 100_000), 1)
    patience: int = rule(whole(0, 100_000), 0)
    checkpoint_every: int = rule(whole(1, 100_000), 1)
    checkpoint_minutes: float = rule(number(0, 10_000), 10.0)
    max_minutes: float | None = rule(optional(number(0, 1e6)), None)
    tensorboard: bool = rule(_yes_no, False)
    seed: int = rule(whole(0, 2**63 - 1), 0)
    workers: int = rule(whole(0, 64), 2)

    #: What may be another in a resumed run, because the result doesn't depend on it.
    FREE = ("checkpoint_every", "checkpoint_minutes", "max_minutes", "tensorboard", "workers")

    def cross_check(self) -> list[tuple[str, str]]:
        """Weights, their normalisation and freezing go together, attention and windowing too."""
        problems = []
        if self.normalize == "weights" and self.weights == "none":
            problems.append((".normalize", "there are no weights that want a normalisation"))
        if (self.attention == "none") != (self.windowing == "spot"):
            problems.append((".windowing", "attention 'none' and windowing 'spot' go together"))
        return problems

    def sizes(self, n_positions: tuple[int, int]) -> ModelSizes:
        """Return the network's sizes, with position tables of so many rows."""
        return ModelSizes(
            projection=self.projection,
            layers=self.layers,
            heads=self.heads,
            head_width=self.head_width,
            n_positions=n_positions,
            position_encoding=self.position_encoding,
            feature_norm=self.feature_norm,
        )
