"""mclSTExp: an image encoder and a spot encoder that meet in one embedding space.

Written from the published description (Min, Shi, Zhang, Wan, Wang: "Multimodal
contrastive learning for spatial gene expression prediction using histology
images", Briefings in Bioinformatics 2024, arXiv 2407.08216) and from the names
and shapes of released checkpoints, so that those load without renaming.

Letters in shape comments: N spots, G genes, p patch side in px, D embedding width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from napari_stexp.errors import BundleError, PredictionError
from napari_stexp.model.encoders import build_encoder
from napari_stexp.model.header import FEATURE_NORMS, POSITION_ENCODINGS
from napari_stexp.model.layers import ProjectionHead, SpotBlock
from napari_stexp.model.positions import check_positions, sincos

if TYPE_CHECKING:
    from napari_stexp.model.header import InputContract

__all__ = ["MclSTExp"]


class MclSTExp(nn.Module):
    """The two-sided model; parameter names are those of the released code.

    Parameters
    ----------
    encoder : str
        Image encoder (`napari_stexp.model.check_encoder` says which there are).
    n_genes : int
        G, the length of the gene list.
    n_positions : tuple of int
        Rows of the x and the y position table: array positions run from 0 to
        one less. The released code allocates 65,536 of each and uses a few dozen.
    projection : int
        D, width of the shared space.
    layers, heads, head_width : int
        The spot encoder's depth (0: expression goes straight to the projection, and
        no spot sees another), attention heads and width of a head.
    hidden : int, optional
        Hidden width of its feed-forward layers; G when not given.
    dropout : float
        In the projection heads and the spot encoder; 0 in the released code.
    feature_dropout : float
        Of the image features before they are projected.
    patch_px : int
        Side of a patch; matters to vision transformers only.
    context : int
        S, number of fields of view per spot. All pass through the same encoder;
        their features are concatenated.
    position_encoding : {'table', 'none', 'sincos'}
        What is added to a spot's expression for its place: the rows of two
        learnt tables (as released), nothing, or `sincos`.
    feature_norm : {'none', 'batch'}
        'batch' standardises the image features before they are projected, by
        batch statistics in training and running ones later, without parameters.
        For frozen encoders and hand-made features.
    contract : InputContract, optional
        How images are prepared, for an encoder that has to undo it
        (``stain_statistics`` wants plain RGB); RGB in 0..1 when not given.
    spot_side : bool
        False leaves out the spot encoder and its tables: predicting needs the
        image side and a reference bank only.
    """

    def __init__(  # noqa: PLR0913 - the sizes that a bundle's header names
        self,
        encoder: str = "densenet121",
        n_genes: int = 785,
        n_positions: tuple[int, int] = (64, 64),
        *,
        projection: int = 256,
        layers: int = 2,
        heads: int = 8,
        head_width: int = 64,
        hidden: int | None = None,
        dropout: float = 0.0,
        feature_dropout: float = 0.0,
        patch_px: int = 224,
        context: int = 1,
        position_encoding: str = "table",
        feature_norm: str = "none",
        contract: InputContract | None = None,
        spot_side: bool = True,
    ) -> None:
        super().__init__()
        self.encoder_name = encoder
        self.n_genes = n_genes
        self.n_positions = (int(n_positions[0]), int(n_positions[1]))
        self.has_spot_side = spot_side
        self.context = int(context)
        self.position_encoding = _choose(position_encoding, POSITION_ENCODINGS)
        self.image_encoder = build_encoder(encoder, patch_px=patch_px, contract=contract)
        width = self.context * self.image_encoder.width
        if _choose(feature_norm, FEATURE_NORMS) == "batch":
            self.image_norm = nn.BatchNorm1d(width, affine=False)
        self.feature_dropout = nn.Dropout(feature_dropout)
        self.image_projection = ProjectionHead(width, projection, dropout)
        if spot_side:
            if position_encoding == "table":
                self.x_embed = nn.Embedding(self.n_positions[0], n_genes)
                self.y_embed = nn.Embedding(self.n_positions[1], n_genes)
            self.spot_encoder = nn.Sequential(
                *(
                    SpotBlock(n_genes, hidden or n_genes, heads, head_width, dropout)
                    for _ in range(layers)
                )
            )
            self.spot_projection = ProjectionHead(n_genes, projection, dropout)

    def embed_image(self, images: Tensor) -> Tensor:
        """Embed patches.

        Parameters
        ----------
        images : Tensor, (N, S, 3, p, p) float; (N, 3, p, p) where S is 1
            Prepared as the model's input contract says (`ImagePreprocessor`).

        Returns
        -------
        Tensor, (N, D)
            Not normalised to unit length.
        """
        return self.project_features(self.image_features(images))

    def image_features(self, images: Tensor) -> Tensor:
        """Encode the fields of view, (N, S, 3, p, p), to (N, S·W), field after field.

        W is the encoder's width. (N, 3, p, p) is accepted where S is 1.

        Raises
        ------
        PredictionError
            The images have another number of fields of view than the model.
        """
        fields = images.shape[1] if images.ndim == 5 else 1
        if images.ndim not in (4, 5) or fields != self.context:
            raise PredictionError(
                "images don't fit the model",
                expected=f"(N, {self.context}, 3, p, p)" if self.context > 1 else "(N, 3, p, p)",
                found=tuple(images.shape),
            )
        if images.ndim == 4:
            features: Tensor = self.image_encoder(images)
            return features
        features = self.image_encoder(images.flatten(0, 1))
        return features.view(len(images), -1)

    def project_features(self, features: Tensor) -> Tensor:
        """Bring image features (N, S·W) into the shared space, (N, D)."""
        if hasattr(self, "image_norm"):
            features = self.image_norm(features)
        result: Tensor = self.image_projection(self.feature_dropout(features))
        return result

    def tokens(self, expression: Tensor, positions: Tensor) -> Tensor:
        """Add the position encoding to the expression.

        Parameters
        ----------
        expression : Tensor, (N, G) float
            log10(1 + counts scaled to 10,000 per spot).
        positions : Tensor, (N, 2) integer
            Array position (x, y).

        Returns
        -------
        Tensor, (N, G)

        Raises
        ------
        BundleError
            The model has no spot side, or a position lies outside its tables.
        """
        if not self.has_spot_side:
            raise BundleError(
                "this model was loaded without its spot side, so it can't embed spots"
            )
        if self.position_encoding == "none":
            return expression
        limits = self.n_positions if self.position_encoding == "table" else None
        check_positions(positions, limits)
        if self.position_encoding == "sincos":
            return expression + sincos(positions, self.n_genes).to(expression.dtype)
        result: Tensor = expression + self.x_embed(positions[:, 0]) + self.y_embed(positions[:, 1])
        return result

    def embed_spots(
        self,
        expression: Tensor,
        positions: Tensor,
        windows: Sequence[slice] | int | None = None,
    ) -> Tensor:
        """Embed measured spots.

        A window is a sentence and a spot is a word: spots attend to each other
        within their window only, so the result depends on the windows.

        Parameters
        ----------
        expression : Tensor, (N, G) float
            log10(1 + counts scaled to 10,000 per spot).
        positions : Tensor, (N, 2) integer
            Array position (x, y).
        windows : int, sequence of slice or None
            Windows of that many consecutive spots, these windows (which must
            cover every spot once), or one window over everything.

        Returns
        -------
        Tensor, (N, D)
        """
        tokens = self.tokens(expression, positions)
        n = len(tokens)
        if windows is None:
            windows = [slice(0, n)]
        elif isinstance(windows, int):
            windows = [slice(i, i + windows) for i in range(0, n, windows)]
        embedded = [
            self.spot_projection(self.spot_encoder(tokens[window].unsqueeze(0)).squeeze(0))
            for window in windows
        ]
        result = torch.cat(embedded) if embedded else self.spot_projection(tokens)
        if len(result) != n:
            raise ValueError(f"the windows cover {len(result)} of {n} spots")
        return result

    def forward(
        self,
        images: Tensor,
        expression: Tensor,
        positions: Tensor,
        windows: Sequence[slice] | int | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return the image and the spot embeddings of the same N spots, each (N, D)."""
        return self.embed_image(images), self.embed_spots(expression, positions, windows)


def _choose(value: str, options: tuple[str, ...]) -> str:
    if value not in options:
        raise BundleError("no such choice", expected=f"one of {', '.join(options)}", found=value)
    return value
