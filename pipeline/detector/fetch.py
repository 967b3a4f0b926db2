"""A file of weights on this machine, from a path or a URL, with the digest of its content."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import requests

from pipeline.common.errors import UserError
from pipeline.common.files import file_sha256

MAX_BYTES = 4 * 2**30  # a Swin-L's checkpoint has 0.9 GiB
MAX_REDIRECTS = 5
TIMEOUT = (10, 60)  # seconds to connect, and without a byte
CHUNK = 2**20


def fetch(source: str, sha256: str | None, folder: Path) -> tuple[Path, str]:
    """A local path for a URL or a path, and the sha256 of its content; `folder` keeps what was fetched, by digest.

    A URL is fetched again only where no sha256 says what it should hold. Proxies and certificates are those of the
    environment (`HTTPS_PROXY`, `NO_PROXY`, `REQUESTS_CA_BUNDLE`). Raises UserError where the file is missing, cannot
    be fetched whole, or has another digest.
    """
    path = _fetched(source, sha256, folder) if "://" in source else Path(source)
    if not path.is_file():
        raise UserError(f"detector.weights: {source}: no such file; give the path of a checkpoint, or its https:// URL")
    found = file_sha256(path)
    if sha256 and found != sha256:
        raise UserError(
            f"detector.weights: {source} has sha256 {found}; detector.weights_sha256 says {sha256}. If the file is the "
            "one you mean, write its digest there; if not, it was exchanged or damaged"
        )
    return path, found


def _fetched(url: str, sha256: str | None, folder: Path) -> Path:
    scheme = urlsplit(url).scheme
    if scheme not in ("https", "http"):
        raise UserError(f"detector.weights: {url!r}; allowed: a path, https://, or http:// with weights_sha256")
    if scheme == "http" and not sha256:
        raise UserError(
            f"detector.weights: {url}: anybody on the way can exchange what http:// brings; use https://, or give the "
            "file's digest in detector.weights_sha256"
        )
    if sha256 and (kept := folder / sha256).is_file():
        return kept
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{uuid.uuid4().hex}.part"
    try:
        with part.open("wb") as file:
            file.writelines(_chunks(url, encrypted=not sha256))
        return part.replace(folder / file_sha256(part))
    except (requests.RequestException, OSError) as error:
        raise UserError(
            f"detector.weights: {url} cannot be fetched ({error}); try again, or fetch it yourself and give its path"
        ) from None
    finally:
        part.unlink(missing_ok=True)


def _chunks(url: str, encrypted: bool) -> Iterator[bytes]:
    """The bytes behind a URL; OSError where they are too many, too few, or came by an open way though `encrypted`."""
    with requests.Session() as session:
        session.max_redirects = MAX_REDIRECTS
        session.headers["Accept-Encoding"] = "identity"  # the digest is of the file, not of a packed form
        with session.get(url, stream=True, timeout=TIMEOUT) as response:
            response.raise_for_status()
            if encrypted and any(not step.url.startswith("https://") for step in (*response.history, response)):
                raise OSError("it redirects to http://, which needs detector.weights_sha256")
            got = 0
            for chunk in response.iter_content(CHUNK):  # requests counts what the server announced, and raises
                got += len(chunk)
                if got > MAX_BYTES:
                    raise OSError(f"it is larger than {MAX_BYTES / 2**30:.0f} GiB")
                yield chunk
