"""Words for numbers, as the panels write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from napari_stexp.predict.naming import describe_metric

__all__ = [
    "HIDDEN",
    "count",
    "describe_metric",
    "describe_status_counts",
    "describe_statuses",
    "describe_time",
    "join_words",
    "short_number",
]

#: In place of expression during a blinded annotation.
HIDDEN = "Hidden until the annotation is locked: press “Lock and reveal” in the tab Annotations."

# What each status of a predicted spot means to a reader, in the order of telling.
_STATUS_WORDS = {
    "outside": "outside the image",
    "unreadable": "unreadable",
    "pending": "not reached",
}


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Return '1 spot', '1,204 spots'."""
    word = noun if number == 1 else (plural or f"{noun}s")
    return f"{number:,} {word}"


def describe_time(seconds: float) -> str:
    """Return a rough duration: '8 s', '3 min', '1 h 20 min'."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def describe_statuses(statuses: Sequence[str]) -> str:
    """Return a sentence such as '412 spots predicted (5 of them at the border), 3 unreadable'."""
    counts: dict[str, int] = {}
    for status in statuses:
        counts[str(status)] = counts.get(str(status), 0) + 1
    return describe_status_counts(counts)


def describe_status_counts(counts: Mapping[str, int]) -> str:
    """Return the sentence of `describe_statuses` for counts per status."""
    border = counts.get("border", 0)
    text = f"{count(counts.get('ok', 0) + border, 'spot')} predicted"
    if border:
        text += f" ({border:,} of them at the image's border)"
    for status, words in _STATUS_WORDS.items():
        if counts.get(status):
            text += f", {counts[status]:,} {words}"
    return text


def join_words(words: Sequence[str], limit: int = 6) -> str:
    """Return 'a, b and c', or the first ``limit`` 'and 30 more'."""
    shown = list(words[:limit])
    if len(words) > limit:
        return f"{', '.join(shown)} and {len(words) - limit} more"
    if len(shown) < 2:
        return "".join(shown)
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def short_number(value: float) -> str:
    """Return a number of three significant digits as an axis would write it."""
    if value == 0:
        return "0"
    if abs(value) >= 1e5 or abs(value) < 1e-3:
        return f"{value:.1e}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
