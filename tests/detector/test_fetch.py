"""Weights from a URL: whole, from whom they should come, and the file that is meant."""

from __future__ import annotations

import hashlib
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pipeline.common.errors import UserError
from pipeline.detector import fetch as room
from pipeline.detector.fetch import fetch

CONTENT = b"tensors, as it were" * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves CONTENT at /whole, cut short at /cut, elsewhere by /to/<address>; counts requests."""

    requests = 0
    proxied = ""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.requests += 1
        if self.path.startswith("http://"):  # we are somebody's proxy
            self.server.proxied = self.path
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to/"))
            self.end_headers()
            return
        self.send_response(404 if self.path == "/none" else 200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[:-5] if self.path == "/cut" else CONTENT)

    def log_message(self, *args: Any) -> None:
        pass


def serving(certificate: Path | None = None) -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), Handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def _no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def plain() -> Iterator[str]:
    for server in serving():
        yield f"http://127.0.0.1:{server.server_port}"


@pytest.fixture
def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An https server that this process trusts."""
    certificate = tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", certificate, "-out", tmp_path / "public.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    certificate.write_bytes(certificate.read_bytes() + (tmp_path / "public.pem").read_bytes())
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "public.pem"))
    for server in serving(certificate):
        yield f"https://127.0.0.1:{server.server_port}"


def test_https_needs_no_digest_and_says_it(secure: str, tmp_path: Path) -> None:
    path, found = fetch(f"{secure}/to/{secure}/whole", None, tmp_path / "kept")
    assert (path.read_bytes(), found) == (CONTENT, DIGEST)


def test_what_is_pinned_is_fetched_once(plain: str, tmp_path: Path) -> None:
    first = fetch(f"{plain}/whole", DIGEST, tmp_path)
    assert first == (tmp_path / DIGEST, DIGEST)
    assert fetch(f"{plain}/none", DIGEST, tmp_path) == first


def test_a_kept_file_that_changed_is_refused(plain: str, tmp_path: Path) -> None:
    fetch(f"{plain}/whole", DIGEST, tmp_path)
    (tmp_path / DIGEST).write_bytes(b"else")
    with pytest.raises(UserError, match=f"detector.weights_sha256 says {DIGEST}"):
        fetch(f"{plain}/whole", DIGEST, tmp_path)


@pytest.mark.parametrize(
    ("path", "sha256", "words"),
    [
        ("/whole", None, "http:// brings; use https://"),
        ("/whole", "a" * 64, f"has sha256 {DIGEST}; detector.weights_sha256 says {'a' * 64}"),
        ("/none", DIGEST, "404 .* try again, or fetch it yourself and give its path"),
        ("/cut", DIGEST, "cannot be fetched .*5 more expected"),
        ("/to//to//to//to//to//to//to//whole", DIGEST, "Exceeded 5 redirects"),
        ("/to/file:///etc/passwd", DIGEST, "cannot be fetched"),
    ],
)
def test_refused(plain: str, tmp_path: Path, path: str, sha256: str | None, words: str) -> None:
    with pytest.raises(UserError, match=words):
        fetch(f"{plain}{path}", sha256, tmp_path)
    assert {file.name for file in tmp_path.iterdir()} <= {DIGEST}  # no part of a file is left


def test_an_https_address_may_not_lead_to_an_open_one(secure: str, plain: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="redirects to http://"):
        fetch(f"{secure}/to/{plain}/whole", None, tmp_path / "kept")
    assert fetch(f"{secure}/to/{plain}/whole", DIGEST, tmp_path / "kept")[1] == DIGEST


def test_an_unknown_certificate_is_not_believed(secure: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(UserError, match="certificate verify failed"):
        fetch(f"{secure}/whole", None, tmp_path / "kept")


def test_a_file_without_end(secure: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(room, "MAX_BYTES", 10_000)
    monkeypatch.setattr(room, "CHUNK", 1000)
    with pytest.raises(UserError, match="larger than"):
        fetch(f"{secure}/whole", None, tmp_path / "kept")
    assert list((tmp_path / "kept").iterdir()) == []


def test_the_proxy_of_the_environment(tmp_path: Path, monkeypatch: Any) -> None:
    for server in serving():
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
        assert fetch("http://weights.invalid/r50.pth", DIGEST, tmp_path)[1] == DIGEST
        assert server.proxied == "http://weights.invalid/r50.pth"


@pytest.mark.parametrize("source", ["s3://a/b.pth", "file:///tmp/x.pth", "ftp://a/b"])
def test_other_addresses(source: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="allowed: a path, https://"):
        fetch(source, None, tmp_path)


def test_what_is_no_plain_file(tmp_path: Path) -> None:
    for source in (tmp_path / "none.pth", tmp_path, Path("/dev/zero")):
        with pytest.raises(UserError, match="no such file; give the path"):
            fetch(str(source), None, tmp_path)
