"""Where a slide lies: a path of this machine, or an address that is read by range.

Addresses may carry credentials (``user:password@``, the signature of a presigned address).
Those stay in this process's memory: a `RemotePath` never holds or shows them, so that whatever
is written, logged or pickled has none. Opening the bare address again works as long as the
process lives; afterwards the server asks for them anew.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from napari_stexp.errors import SlideError

__all__ = ["Location", "RemotePath", "as_location", "is_address", "local_only", "without_secrets"]

#: ``pathlib`` makes one slash of two; a folder called ``https:`` is no folder.
_ADDRESS = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+):[\\/]+")
_LOCAL = ("file", "local")
#: Parts of a query that name a file rather than let somebody in; all others are kept back.
_HARMLESS = frozenset({"file", "filename", "name", "path", "version", "versionid", "format"})
_secrets: dict[str, str] = {}


class RemotePath:
    """A file or folder behind an address, with the names that a path has.

    Parameters
    ----------
    url : str
        Credentials in it are remembered in this process's memory only.

    Attributes
    ----------
    url : str
        Without credentials: to be shown and stored.
    """

    __slots__ = ("url",)

    def __init__(self, url: str) -> None:
        self.url = without_secrets(_repaired(url))
        if self.url != _repaired(url):
            _secrets[self.url] = _repaired(url)

    @property
    def scheme(self) -> str:
        """What comes before ``://``, in small letters."""
        return urlsplit(self.url).scheme.lower()

    @property
    def secret_url(self) -> str:
        """With the credentials that this process knows: to be opened, never shown or stored."""
        known = _secrets.get(self.url)
        if known is not None:
            return known
        for bare, full in _secrets.items():  # a folder's credentials are those of what is in it
            if self.url.startswith(bare.rstrip("/") + "/") and not urlsplit(full).query:
                return full.rstrip("/") + self.url[len(bare.rstrip("/")) :]
        return self.url

    @property
    def _pure(self) -> PurePosixPath:
        return PurePosixPath(unquote(urlsplit(self.url).path))

    @property
    def name(self) -> str:
        """The last part of the way; the server's name where there is none."""
        return self._pure.name or urlsplit(self.url).netloc

    @property
    def stem(self) -> str:
        """The name without its last suffix."""
        return PurePosixPath(self.name).stem

    @property
    def suffix(self) -> str:
        """The name's last suffix, with the dot."""
        return PurePosixPath(self.name).suffix

    @property
    def parent(self) -> RemotePath:
        """The folder that it lies in."""
        parts = urlsplit(self.url)
        way = parts.path.rstrip("/").rpartition("/")[0]
        return RemotePath(urlunsplit((parts.scheme, parts.netloc, way, "", "")))

    def __truediv__(self, name: str) -> RemotePath:
        parts = urlsplit(self.url)
        way = f"{parts.path.rstrip('/')}/{quote(name)}"
        return RemotePath(urlunsplit((parts.scheme, parts.netloc, way, "", "")))

    def absolute(self) -> RemotePath:
        """Return itself: addresses always are."""
        return self

    resolve = expanduser = absolute

    def __str__(self) -> str:
        return self.url

    def __repr__(self) -> str:
        return f"RemotePath({self.url!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RemotePath) and other.url == self.url

    def __hash__(self) -> int:
        return hash(self.url)

    def __reduce__(self) -> tuple[object, ...]:
        return (RemotePath, (self.url,))


Location = Path | RemotePath


def is_address(path: object) -> bool:
    """Whether text or a path is an address of another machine."""
    if isinstance(path, RemotePath):
        return True
    found = _ADDRESS.match(str(path))
    return found is not None and found[1].lower() not in _LOCAL


def as_location(path: str | Path | RemotePath) -> Location:
    """Return a path of this machine as a `Path`, an address as a `RemotePath`."""
    if isinstance(path, RemotePath):
        return path
    if is_address(path):
        return RemotePath(str(path))
    found = _ADDRESS.match(str(path))
    if isinstance(path, str) and found is not None:
        from urllib.request import url2pathname

        return Path(url2pathname(urlsplit(path).path))
    return Path(path)


def local_only(path: Location, what: str) -> Path:
    """Return a path of this machine; refuse an address with the advice to download.

    Parameters
    ----------
    path : Path or RemotePath
    what : str
        Why it can't be read from afar, as a short sentence without a full stop.

    Raises
    ------
    SlideError
    """
    if isinstance(path, RemotePath):
        raise SlideError(what, path=path, hint="Download it and open the copy.")
    return path


def _repaired(text: str) -> str:
    """Put back the slashes that ``pathlib`` has taken from an address."""
    return _ADDRESS.sub(lambda found: f"{found[1]}://", text.replace("\\", "/"), count=1)


def without_secrets(text: str) -> str:
    """Return an address without user, password, signature and fragment."""
    parts = urlsplit(text)
    host = parts.netloc.rpartition("@")[2]
    query = [(k, v) for k, v in parse_qsl(parts.query) if k.lower() in _HARMLESS]
    return urlunsplit((parts.scheme, host, parts.path, urlencode(query), ""))
