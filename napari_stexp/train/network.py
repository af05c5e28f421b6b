"""What is trained: the model before its first step, one step's forward pass, the optimizer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from napari_stexp.dataset import TrainingSet
from napari_stexp.errors import TrainingError
from napari_stexp.model import InputContract, MclSTExp
from napari_stexp.model.state import make_model
from napari_stexp.train.augment import seeded
from napari_stexp.train.banking import embed_alone
from napari_stexp.train.settings import TrainSettings

__all__ = ["Network", "learning_rates", "make_optimizer", "set_rates", "start_model"]

_LOWEST_TEMPERATURE = 0.01  # as in CLIP: logits of unit vectors stay within 100


def start_model(
    data: TrainingSet,
    settings: TrainSettings,
    initial: Mapping[str, Tensor] | None = None,
    *,
    contract: InputContract | None = None,
) -> tuple[MclSTExp, InputContract]:
    """Make the model that a training begins with.

    Parameters
    ----------
    data : TrainingSet
        Its genes, array positions and input contract.
    settings : TrainSettings
        Encoder, sizes, weights and seed.
    initial : mapping, optional
        Parameters by the released names, some or all; they win over ``weights``.
    contract : InputContract, optional
        Of a checkpoint, whose parameters will be loaded over these: no weights
        are looked for, and the input is as it was.

    Returns
    -------
    MclSTExp, InputContract
        On the CPU; and how images have to be prepared.

    Raises
    ------
    TrainingError
        Initial parameters don't fit.
    BundleError
        The weights can't be had, or don't fit.
    """
    model = _random_model(data, settings, contract or data.contract)
    if contract is None:
        contract = data.contract
        if settings.weights != "none":
            from napari_stexp.model import load_pretrained

            norm = load_pretrained(model.image_encoder, settings.encoder, settings.weights)
            if settings.normalize == "weights":
                contract = normalized(contract, *norm)
                state = model.state_dict()
                model = _random_model(data, settings, contract)  # some encoders undo the norm
                model.load_state_dict(state)
        _set_initial(model, initial or {})
    if settings.freeze_encoder:
        model.image_encoder.requires_grad_(False)
    return model.to(memory_format=torch.channels_last), contract


def normalized(
    contract: InputContract, mean: Sequence[float], std: Sequence[float]
) -> InputContract:
    """Add a normalisation, given for RGB in 0..1, to an input contract."""
    step = -1 if contract.color_order == "BGR" else 1
    (m0, m1, m2), (s0, s1, s2) = (
        [value * contract.value_range for value in list(values)[::step]] for values in (mean, std)
    )
    return replace(contract, mean=(m0, m1, m2), std=(s0, s1, s2))


def _random_model(data: TrainingSet, settings: TrainSettings, contract: InputContract) -> MclSTExp:
    sizes = settings.sizes(data.reference.n_positions)
    with seeded(settings.seed):
        model = make_model(settings.encoder, len(data.genes), sizes, contract=contract)
    with torch.no_grad():
        if settings.position_encoding == "table":
            model.x_embed.weight.mul_(settings.position_std)  # drawn from N(0, 1)
            model.y_embed.weight.mul_(settings.position_std)
    for part in (model.image_projection, model.spot_projection, model.spot_encoder):
        for module in part.modules():
            if isinstance(module, nn.Dropout):
                module.p = settings.dropout
    model.feature_dropout.p = settings.feature_dropout
    return model


def _set_initial(model: MclSTExp, initial: Mapping[str, Tensor]) -> None:
    own = model.state_dict()
    wrong = [
        f"{key} {tuple(tensor.shape)}"
        for key, tensor in initial.items()
        if key not in own or own[key].shape != tensor.shape
    ]
    if wrong:
        raise TrainingError("initial parameters don't fit the model", found=", ".join(wrong[:10]))
    model.load_state_dict(dict(initial), strict=False)


class Network(nn.Module):
    """The model and the temperature; a training step's forward pass.

    Parameters
    ----------
    model : MclSTExp
    data : TrainingSet
        Expression and positions of all its spots are kept on the model's device.
    settings : TrainSettings
    """

    def __init__(self, model: MclSTExp, data: TrainingSet, settings: TrainSettings) -> None:
        super().__init__()
        device = next(model.parameters()).device
        self.model = model
        self.settings = settings
        self.log_temperature = nn.Parameter(
            torch.tensor(math.log(settings.temperature), device=device),
            requires_grad=settings.learn_temperature,
        )
        # No buffers: several devices would send them to each other at every step.
        self.expression = torch.from_numpy(data.reference.expression()).to(device)
        self.positions = torch.from_numpy(data.reference.positions).long().to(device)

    def forward(
        self, images: Tensor, rows: Tensor, windows: Sequence[slice] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Embed patches and spots.

        Parameters
        ----------
        images : Tensor, (B, 3, p, p), (B, S, 3, p, p) or (B, S·W)
            Prepared patches, or the features of a frozen encoder.
        rows : Tensor, (C,) int
            Spots; of all devices, while images are this device's.
        windows : sequence of slice, optional
            Which of the spots attend to each other; all, when not given.

        Returns
        -------
        Tensor, (B, D); Tensor, (C, D)
        """
        expression, positions = self.expression[rows], self.positions[rows]
        if self.settings.attention == "none":
            spots = embed_alone(self.model, expression, positions)
        else:
            spots = self.model.embed_spots(expression, positions, windows)
        if self.settings.freeze_encoder:
            return self.model.project_features(images), spots
        return self.model.embed_image(images), spots

    @property
    def temperature(self) -> Tensor | float:
        """What divides the logits."""
        if not self.settings.learn_temperature:
            return self.settings.temperature
        return self.log_temperature.exp().clamp_min(_LOWEST_TEMPERATURE)


def make_optimizer(network: Network, settings: TrainSettings) -> torch.optim.Optimizer:
    """Make the optimizer: the encoder's parameters, the others, the temperature."""
    encoder = [p for p in network.model.image_encoder.parameters() if p.requires_grad]
    known = {id(p) for p in network.model.image_encoder.parameters()}
    others = [p for p in network.model.parameters() if id(p) not in known]
    groups: list[dict[str, Any]] = [
        {"params": encoder, "lr": settings.encoder_learning_rate or settings.learning_rate},
        {"params": others},
        {"params": [network.log_temperature], "weight_decay": 0.0},
    ]
    if not settings.learn_temperature:
        groups.pop()
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[settings.optimizer]
    return kind(
        [group for group in groups if group["params"]],
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
    )


def learning_rates(settings: TrainSettings, done: int, total: int) -> tuple[float, float]:
    """Return the rates of the encoder and of the rest in a step, after ``done`` of ``total``."""
    factor = 1.0
    if settings.schedule == "cosine":
        factor = (1 + math.cos(math.pi * done / total)) / 2
    rate = settings.learning_rate * factor
    return (settings.encoder_learning_rate or settings.learning_rate) * factor, rate


def set_rates(
    optimizer: torch.optim.Optimizer, model: MclSTExp, encoder: float, rest: float
) -> None:
    """Give the image encoder's parameters one learning rate, all others another."""
    known = {id(p) for p in model.image_encoder.parameters()}
    for group in optimizer.param_groups:
        group["lr"] = encoder if id(group["params"][0]) in known else rest
