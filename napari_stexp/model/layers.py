"""Layers of mclSTExp, under the released checkpoints' names.

Letters in shape comments: N spots, G genes, H heads, d width of a head, D embedding
width.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

__all__ = ["ProjectionHead", "SpotBlock"]


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
