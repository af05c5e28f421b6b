"""mclSTExp: an image encoder and a spot encoder that meet in one embedding space.

Written from the published description (Min, Shi, Zhang, Wan, Wang: "Multimodal
contrastive learning for spatial gene expression prediction using histology
images", Briefings in Bioinformatics 2024, arXiv 2407.08216) and from the names
and shapes of released checkpoints, so that those load without renaming.

Letters in shape comments: N spots, G genes, p patch side in px, H heads,
d width of a head, D embedding width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_stexp.errors import BundleError
from napari_stexp.model.encoders import ENCODERS, build_encoder

__all__ = ["MclSTExp"]


class Attention(nn.Module):
    """Multi-head self-attention over the spots of one window."""

    def __init__(self, width: int, heads: int, head_width: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.to_qkv = nn.Linear(width, 3 * heads * head_width, bias=False)
        self.to_out = nn.Sequential(nn.Linear(heads * head_width, width), nn.Dropout(dropout))

    def forward(self, tokens: Tensor) -> Tensor:
        """Mix ``tokens`` (B, N, G); same shape out."""
        qkv = self.to_qkv(tokens)  # (B, N, 3·H·d)
        # Released layout: all of q, then all of k, then all of v, each head by head.
        q, k, v = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in qkv.chunk(3, -1)
        )
        # Scaled by 1/√d; never holds the whole N by N matrix, so that a section of
        # thousands of spots fits.
        mixed = functional.scaled_dot_product_attention(q, k, v)  # (B, H, N, d)
        result: Tensor = self.to_out(mixed.transpose(1, 2).flatten(2))  # (B, N, H·d) -> (B, N, G)
        return result


class FeedForward(nn.Module):
    """Two linear layers around an exact (erf) GELU."""

    def __init__(self, width: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(width, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, width),
            nn.Dropout(dropout),
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """Transform each token of (B, N, G) by itself."""
        result: Tensor = self.net(tokens)
        return result


class PreNorm(nn.Module):
    """LayerNorm, then ``fn``."""

    def __init__(self, width: int, fn: nn.Module) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fn = fn

    def forward(self, tokens: Tensor) -> Tensor:
        """Apply to (B, N, G)."""
        result: Tensor = self.fn(self.norm(tokens))
        return result


class SpotBlock(nn.Module):
    """One pre-norm transformer block."""

    def __init__(
        self, width: int, hidden: int, heads: int, head_width: int, dropout: float
    ) -> None:
        super().__init__()
        self.attn = PreNorm(width, Attention(width, heads, head_width, dropout))
        self.ff = PreNorm(width, FeedForward(width, hidden, dropout))

    def forward(self, tokens: Tensor) -> Tensor:
        """Apply to (B, N, G)."""
        tokens = tokens + self.attn(tokens)
        result: Tensor = tokens + self.ff(tokens)
        return result


class ProjectionHead(nn.Module):
    """Into the shared space: linear, GELU, linear, dropout, residual, LayerNorm."""

    def __init__(self, width: int, projection: int, dropout: float) -> None:
        super().__init__()
        self.projection = nn.Linear(width, projection)
        self.gelu = nn.GELU()
        self.fc = nn.Linear(projection, projection)
        self.dropout = nn.Dropout(dropout)
        self.layer_norm = nn.LayerNorm(projection)

    def forward(self, features: Tensor) -> Tensor:
        """Project (N, width) to (N, D)."""
        projected = self.projection(features)
        refined = self.dropout(self.fc(self.gelu(projected)))
        result: Tensor = self.layer_norm(refined + projected)
        return result


class MclSTExp(nn.Module):
    """The two-sided model; parameter names are those of the released code.

    Parameters
    ----------
    encoder : str
        Image encoder, a key of `napari_stexp.model.ENCODERS`.
    n_genes : int
        G, the length of the gene list.
    n_positions : tuple of int
        Rows of the x and the y position table: array positions run from 0 to
        one less. The released code allocates 65,536 of each and uses a few dozen.
    projection : int
        D, width of the shared space.
    layers, heads, head_width : int
        The spot encoder's depth, attention heads and width of a head.
    hidden : int, optional
        Hidden width of its feed-forward layers; G when not given.
    dropout : float
        Everywhere; 0 in the released code.
    patch_px : int
        Side of a patch; matters to the vision transformer only.
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
        patch_px: int = 224,
        spot_side: bool = True,
    ) -> None:
        super().__init__()
        self.encoder_name = encoder
        self.n_genes = n_genes
        self.n_positions = (int(n_positions[0]), int(n_positions[1]))
        self.has_spot_side = spot_side
        self.image_encoder = build_encoder(encoder, patch_px=patch_px)
        self.image_projection = ProjectionHead(ENCODERS[encoder], projection, dropout)
        if spot_side:
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
        images : Tensor, (N, 3, p, p) float
            Prepared as the model's input contract says (`ImagePreprocessor`).

        Returns
        -------
        Tensor, (N, D)
            Not normalised to unit length.
        """
        result: Tensor = self.image_projection(self.image_encoder(images))
        return result

    def tokens(self, expression: Tensor, positions: Tensor) -> Tensor:
        """Add the rows of the position tables to the expression.

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
        self._check_positions(positions)
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

    def _check_positions(self, positions: Tensor) -> None:
        if not len(positions):
            return
        low, high = positions.amin(0).tolist(), positions.amax(0).tolist()
        if min(low) < 0 or high[0] >= self.n_positions[0] or high[1] >= self.n_positions[1]:
            raise BundleError(
                "array positions lie outside the model's position tables",
                expected=f"x in 0..{self.n_positions[0] - 1}, y in 0..{self.n_positions[1] - 1}",
                found=f"x in {low[0]}..{high[0]}, y in {low[1]}..{high[1]}",
            )
