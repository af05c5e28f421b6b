"""A list of genes to click on, with those that aren't known, and where the list comes from."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from qtpy.QtCore import QSize, Qt, QUrl, Signal
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QTextBrowser

__all__ = ["GeneLinks"]

_MOST = 200  # genes that are listed; a set of MSigDB may have thousands
_TALLEST = 150
_SHORTEST = 40
# 'Parker et al., J Clin Oncol 2009: PAM50, doi:10.1200/…', as marker panels write it.
_REFERENCE = re.compile(r"(?P<who>[^:;]+): (?P<what>[^;]+), doi:(?P<doi>10\.\d{4,}/\S+)")
_ADDRESS = re.compile(r"https?://[^\s;,<>\"]+")


class GeneLinks(QTextBrowser):
    """Genes as links, as tall as they need, up to a point where they scroll."""

    gene_requested = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setOpenLinks(False)
        self.setFrameShape(QTextBrowser.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setToolTip("Click a gene to see it on the slide.")
        self.viewport().setAutoFillBackground(False)
        self.setStyleSheet("QTextBrowser { background: transparent; padding: 0; }")
        self.document().setDocumentMargin(1)
        self.anchorClicked.connect(self._on_link)
        self.document().documentLayout().documentSizeChanged.connect(self._fit)

    def show_genes(self, known: Sequence[str], unknown: Sequence[str], source: str) -> None:
        """Show genes that are known as links, the others by name, and the source."""
        color = self.palette().color(self.foregroundRole()).name()
        links = [_link(f"gene:{gene}", gene, color) for gene in known[:_MOST]]
        if len(known) > _MOST:
            links.append(f"and {len(known) - _MOST:,} more")
        parts = [", ".join(links)] if links else ["None of its genes is known here."]
        if unknown:
            names = ", ".join(map(html.escape, unknown[:_MOST]))
            more = f" and {len(unknown) - _MOST:,} more" if len(unknown) > _MOST else ""
            parts.append(f"<i>Not known here: {names}{more}</i>")
        if source:
            parts.append(f"<small>From {_link_sources(source, color)}</small>")
        self.setHtml("<br>".join(parts))
        self._fit()

    def _on_link(self, url: QUrl) -> None:
        text = url.toString()
        if text.startswith("gene:"):
            self.gene_requested.emit(text.removeprefix("gene:"))
        else:
            QDesktopServices.openUrl(url)

    def _fit(self, *_: object) -> None:
        wanted = round(self.document().size().height()) + 2
        self.setFixedHeight(min(max(wanted, _SHORTEST), _TALLEST))

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Ask for no more width than there is."""
        return QSize(200, self.height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Be as narrow as need be."""
        return QSize(0, _SHORTEST)


def _link_sources(source: str, color: str) -> str:
    """Return a source as HTML: publications by who and when, with links to them."""
    found = [_REFERENCE.fullmatch(part.strip()) for part in source.split(";")]
    if found and all(found):
        return "; ".join(
            _link(f"https://doi.org/{one['doi']}", one["who"], color) for one in found if one
        )
    parts, end = [], 0
    for address in _ADDRESS.finditer(source):
        parts.append(html.escape(source[end : address.start()]))
        parts.append(_link(address[0], address[0], color))
        end = address.end()
    return "".join([*parts, html.escape(source[end:])])


def _link(address: str, text: str, color: str) -> str:
    return f'<a href="{html.escape(address)}" style="color:{color};">{html.escape(text)}</a>'
