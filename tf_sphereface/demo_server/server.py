"""The web demo's server: files by their addresses, to this machine's browsers."""

import contextlib
import errno
import ipaddress
import socket
import ssl
import sys
import urllib.parse
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tf_sphereface.demo_server.served_files import ServedFile
from tf_sphereface.errors import InputError

LOOPBACK = "127.0.0.1"
_SECONDS_IDLE = 30  # of a connection that asks nothing
# WebAssembly is compiled, nothing else is made from text; LiteRT's threads are workers.
_CONTENT_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; "
    "connect-src 'self'; img-src 'self' blob:; media-src 'self' blob:; "
    "style-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _CONTENT_POLICY,
    # The two that give a page threads of WebAssembly.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    # Asked again each time, and answered by 304: a page is of one build.
    "Cache-Control": "no-cache",
}


class DemoServer(ThreadingHTTPServer):
    """A server of a fixed set of files; `serve_forever` runs it.

    Args:
        files: The files by address, of `served_files`.
        host: Name or address to listen at.
        port: 0 takes one that is free.
        certificate: Files of a certificate and its private key (PEM), for HTTPS.

    Raises: InputError if the port is in use or forbidden, the host is none of this
        machine, or the certificate cannot be read.
    """

    daemon_threads = True

    def __init__(
        self,
        files: Mapping[str, ServedFile],
        host: str = LOOPBACK,
        port: int = 8000,
        certificate: tuple[Path, Path] | None = None,
    ):
        if not host:  # sockets take it for all addresses
            raise InputError("--host must be a name or an address; 0.0.0.0 is all")
        self.files = files
        self._connections = set()
        self._tls = certificate and _tls_of(*certificate)
        self._names = {name.lower() for name in _own_names(host)}
        self._shown_host = "localhost" if host in (LOOPBACK, "::1") else host
        if _version_of(host) == 6:
            self.address_family = socket.AF_INET6
        try:
            super().__init__((host, port), _Handler)
        except OverflowError as error:
            raise InputError(f"--port must be 0 to 65535. Received: {port}") from error
        except OSError as error:
            raise InputError(_not_listening(host, port, error)) from error

    @property
    def url(self) -> str:
        """The address for a browser on this machine."""
        host = self._shown_host
        if host in ("0.0.0.0", "::"):
            host = "localhost"
        host = f"[{host}]" if ":" in host else host
        return f"{'https' if self._tls else 'http'}://{host}:{self.server_port}/"

    def is_own_host(self, header: str | None) -> bool:
        """True if a Host header names this server.

        A page from elsewhere may let its own name lead to this machine (DNS rebinding)
        and would read what is served; it cannot have an address for its name.
        """
        if not header:
            return False
        try:
            name = urllib.parse.urlsplit(f"//{header}").hostname
        except ValueError:
            return False
        if not name:
            return False
        name = name.removesuffix(".")  # the root's dot, which browsers pass on
        return name in self._names or _version_of(name) is not None

    def get_request(self):
        connection, address = super().get_request()
        connection.settimeout(_SECONDS_IDLE)
        if self._tls:  # the handshake is the thread's: it must not hold up the others
            connection = self._tls.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        self._connections.add(connection)
        return connection, address

    def shutdown_request(self, request):
        self._connections.discard(request)
        super().shutdown_request(request)

    def server_close(self):
        """Ends all connections, too: browsers hold theirs."""
        super().server_close()
        for connection in tuple(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request, client_address):
        """Says nothing of connections that break off; the rest is a defect."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: DemoServer

    def do_GET(self):  # noqa: N802 (the name is http.server's)
        self._answer()

    def do_HEAD(self):  # noqa: N802
        self._answer()

    def version_string(self):
        return "sphereface"

    def log_message(self, *_):
        """Nothing: a request is no news."""

    def send_error(self, code, message=None, explain=None):
        """A line of text; http.server's own page would have a style in it."""
        status = HTTPStatus(code)
        if status == HTTPStatus.NOT_IMPLEMENTED:
            status = HTTPStatus.METHOD_NOT_ALLOWED
        self.close_connection = True
        self._send(status, f"{message or status.phrase}\n".encode(), "text/plain")

    def _answer(self):
        if self.headers.get("Content-Length", "0") != "0" or (
            "Transfer-Encoding" in self.headers
        ):
            return self.send_error(HTTPStatus.BAD_REQUEST, "a request has no body")
        if not self.server.is_own_host(self.headers.get("Host")):
            return self.send_error(
                HTTPStatus.MISDIRECTED_REQUEST, "this server has another name: --host"
            )
        try:
            path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        except ValueError:  # a host in brackets that is no address
            return self.send_error(HTTPStatus.BAD_REQUEST, "the address is none")
        file = self.server.files.get(path)
        if file is None:
            return self.send_error(HTTPStatus.NOT_FOUND, "no such file")
        tag = f'"{file.sha256}"'
        if self.headers.get("If-None-Match") == tag:
            return self._send(HTTPStatus.NOT_MODIFIED, b"", file.type, tag)
        try:
            content = file.read()
        except InputError:
            return self.send_error(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "the bundle was changed since the server began: start it again",
            )
        return self._send(HTTPStatus.OK, content, file.type, tag)

    def _send(self, status, content, media_type, tag=None):
        self.send_response(status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, HEAD")
        if tag:
            self.send_header("ETag", tag)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def _version_of(host):
    """4 or 6 of an IP address, None of a name."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).version


def _own_names(host):
    own = socket.gethostname()
    return ("localhost", host, own, f"{own}.local")


def _not_listening(host, port, error):
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} is in use: give another with --port; 0 takes one that is free"
        )
    if error.errno == errno.EACCES:
        return f"port {port} is for administrators: give one from 1024 on with --port"
    return f"cannot listen at {host}, port {port}: {error.strerror or error}"


def _tls_of(certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for path in (certificate, key):
        if not Path(path).is_file():
            raise InputError(f"no such file: {path}")

    def no_password():
        raise InputError(f"{key} has a password; give a key without one")

    try:
        context.load_cert_chain(certificate, key, no_password)
    except OSError as error:  # ssl.SSLError is one
        reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
        raise InputError(
            f"no certificate and key in {certificate}, {key} ({reason}): both are PEM "
            "files, and the key is that of the certificate"
        ) from error
    return context
