"""Tests for tf_sphereface.demo_server: real requests to a server of a small bundle."""

import hashlib
import http.client
import json
import shutil
import socket
import subprocess
import threading

import pytest

from tests.bundle.small_bundles import write_bundle
from tf_sphereface.demo_server.served_files import served_files
from tf_sphereface.demo_server.server import DemoServer
from tf_sphereface.deployment.conversion.tflite import FloatModel
from tf_sphereface.errors import InputError
from tf_sphereface.preprocessing import PixelContract


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = tmp_path_factory.mktemp("site")
    (site / "wasm").mkdir()
    for name in ("index.html", "page.js", "sw.js", "wasm/a.wasm", "app.webmanifest"):
        (site / name).write_text(f"content of {name}")
    return site


@pytest.fixture(scope="module")
def bundle(tiny, tmp_path_factory):
    content = FloatModel(tiny(), PixelContract()).content
    folder = tmp_path_factory.mktemp("served") / "bundle"
    bundle = write_bundle(folder, content, 32, thresholds={"far_0.01": 0.4})
    (folder / "private.txt").write_text("not in the contract")
    return bundle


@pytest.fixture(scope="module")
def server(site, bundle):
    with running(DemoServer(served_files(site, bundle), port=0)) as server:
        yield server


class running:  # noqa: N801
    """A server in a thread, as long as the block."""

    def __init__(self, server):
        self.server = server

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=[0.01]).start()
        return self.server

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def ask(server, path, method="GET", body=None, **headers):
    """Status, headers and body of one request."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, response.headers, content


def raw(server, request):
    """The answer to bytes, up to the end of the connection."""
    address = "127.0.0.1", server.server_port
    with socket.create_connection(address, timeout=20) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize(
    ("path", "name", "media_type"),
    [
        ("/", "index.html", "text/html; charset=utf-8"),
        ("/page.js?a=1", "page.js", "text/javascript; charset=utf-8"),
        ("/wasm/a.wasm", "wasm/a.wasm", "application/wasm"),
        ("/app.webmanifest", "app.webmanifest", "application/manifest+json"),
    ],
)
def test_the_page_is_served_with_its_types(server, path, name, media_type):
    status, headers, content = ask(server, path)
    assert (status, content.decode()) == (200, f"content of {name}")
    assert headers["Content-Type"] == media_type


def test_a_page_is_isolated_and_runs_no_foreign_or_inline_code(server):
    for path in ("/", "/bundle/contract.json", "/absent"):
        headers = ask(server, path)[1]
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"
        assert headers["X-Content-Type-Options"] == "nosniff"
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "connect-src 'self'" in policy
        assert "unsafe-inline" not in policy and "'unsafe-eval'" not in policy
        assert "http:" not in policy and "data:" not in policy
        assert headers["Server"] == "sphereface"  # no version of Python


def test_every_file_of_the_contract_is_served_and_no_other(server, bundle):
    named = [record.file for record in bundle.contract.file_records()]
    named += ["contract.json", "contract.json.sha256", *bundle.golden.checksums]
    for name in named:
        assert ask(server, f"/bundle/{name}")[2] == (bundle.path / name).read_bytes()
    served = json.loads(ask(server, "/files.json")[2])
    below = {address for address in served if address.startswith("/bundle/")}
    assert below == {f"/bundle/{name}" for name in named}
    content = ask(server, "/bundle/embedder.tflite")[2]
    assert served["/bundle/embedder.tflite"] == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    "path",
    [
        *("/bundle", "/bundle/", "/wasm/", "/absent", "/index.html/"),
        *("/bundle/private.txt", "/bundle/../private.txt", "/../../etc/passwd"),
        *("/%2e%2e/%2e%2e/etc/passwd", "/bundle/..%2f..%2fetc/passwd", "/\0", "/%00"),
        *("/bundle/detector/", "/.", "/wasm/../index.html", "*", "/%ff%fe"),
    ],
)
def test_neither_folders_nor_other_files_are_served(server, path):
    answer = raw(server, f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
    assert answer.split(b"\r\n")[0].split()[1] in (b"404", b"400")
    assert b"root:" not in answer and b"not in the contract" not in answer


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"]
)
def test_other_methods_are_refused(server, method):
    status, headers, content = ask(server, "/", method)
    assert (status, headers["Allow"]) == (405, "GET, HEAD")
    assert b"<" not in content  # no page with a style


def test_head_has_the_headers_alone(server):
    status, headers, content = ask(server, "/", "HEAD")
    assert (status, content) == (200, b"")
    assert headers["Content-Length"] == str(len("content of index.html"))


def test_a_file_that_the_browser_has_is_not_sent_again(server):
    tag = ask(server, "/page.js")[1]["ETag"]
    assert ask(server, "/page.js", If_None_Match=tag)[::2] == (304, b"")
    assert ask(server, "/page.js", If_None_Match='"other"')[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "localhost:1", "127.0.0.1:8000", "[::1]:8000", "192.168.0.7"),
        *("localhost.", "localhost.:8000"),
    ],
)
def test_own_names_and_addresses_are_answered(server, host):
    assert ask(server, "/", Host=host)[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:8000", "localhost.evil.example", "", "[::1"),
        *("a b", ".", "localhost..", "evil.example."),
    ],
)
def test_a_foreign_name_is_no_host_of_this_server(server, host):
    """The name of a page from elsewhere, which its owner has led to this machine."""
    status, _, content = ask(server, "/bundle/contract.json", Host=host)
    assert status == 421
    assert b"pixels" not in content


def test_a_request_without_a_host_is_refused(server):
    assert b" 421 " in raw(server, b"GET / HTTP/1.1\r\n\r\n").split(b"\r\n")[0]


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nGET /",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET http://[nothing]/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"HEAD http://[1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n",
    ],
)
def test_odd_requests_end_their_connection_and_the_server_lives(server, request_):
    answer = raw(server, request_)
    assert answer and answer.count(b"HTTP/1.1 ") <= 1 and b" 200 " not in answer
    assert ask(server, "/")[0] == 200


def test_a_silent_connection_holds_up_nobody(server):
    with socket.create_connection(("127.0.0.1", server.server_port)):
        assert ask(server, "/")[0] == 200


def test_a_closed_server_answers_no_connection_that_is_open(site, bundle):
    with running(DemoServer(served_files(site, bundle), port=0)) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port)
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"content of index.html"
    connection.auto_open = False  # the same connection, or none
    with pytest.raises((OSError, http.client.HTTPException)):
        connection.request("GET", "/page.js")
        connection.getresponse()


def test_a_file_that_changes_is_not_served(site, bundle, tmp_path):
    copy = tmp_path / "bundle"
    shutil.copytree(bundle.path, copy)
    changed = type(bundle)(copy, bundle.contract)
    with running(DemoServer(served_files(site, changed), port=0)) as server:
        assert ask(server, "/bundle/embedder.tflite")[0] == 200
        (copy / "embedder.tflite").write_bytes(b"another")
        status, _, content = ask(server, "/bundle/embedder.tflite")
    assert (status, b"changed" in content) == (503, True)


def test_a_bundle_that_was_changed_before_is_refused(site, bundle, tmp_path):
    copy = tmp_path / "bundle"
    shutil.copytree(bundle.path, copy)
    content = (copy / "embedder.tflite").read_bytes()
    (copy / "embedder.tflite").write_bytes(content[:-1] + b"\0\0")
    with pytest.raises(InputError, match=r"embedder\.tflite .*more than"):
        served_files(site, type(bundle)(copy, bundle.contract))
    (copy / "embedder.tflite").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(InputError, match=r"embedder\.tflite is not the file that was"):
        served_files(site, type(bundle)(copy, bundle.contract))


def test_a_golden_picture_that_changed_is_refused(site, bundle, tmp_path):
    copy = tmp_path / "bundle"
    shutil.copytree(bundle.path, copy)
    (copy / "crop.png").write_bytes(b"another")
    with pytest.raises(InputError, match=r"crop\.png: its checksum differs"):
        served_files(site, type(bundle)(copy, bundle.contract))


def test_a_port_in_use_is_one_line(server):
    with pytest.raises(InputError, match=f"port {server.server_port} is in use: give"):
        DemoServer({}, port=server.server_port)


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_is_none_is_one_line(port):
    with pytest.raises(InputError, match="--port must be 0 to 65535"):
        DemoServer({}, port=port)


def test_a_host_of_another_machine_is_one_line():
    with pytest.raises(InputError, match="cannot listen at 192.0.2.1, port 0"):
        DemoServer({}, "192.0.2.1", 0)


def test_an_empty_host_does_not_mean_all_addresses():
    with pytest.raises(InputError, match="--host must be a name or an address"):
        DemoServer({}, "", 0)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://localhost:{}/"),
        ("0.0.0.0", "http://localhost:{}/"),
        ("localhost", "http://localhost:{}/"),
    ],
)
def test_the_address_for_the_browser_is_a_secure_context(host, url):
    with DemoServer({}, host, 0) as server:
        assert server.url == url.format(server.server_port)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificate")
    files = folder / "cert.pem", folder / "key.pem"
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
    )
    names = "-subj /CN=localhost -addext subjectAltName=DNS:localhost"
    subprocess.run(
        [*command.split(), *names.split(), "-out", files[0], "-keyout", files[1]],
        check=True,
        capture_output=True,
    )
    return files


def test_https_is_served_with_the_certificate(site, bundle, certificate):
    import ssl

    server = DemoServer(served_files(site, bundle), port=0, certificate=certificate)
    trust = ssl.create_default_context(cafile=certificate[0])
    with running(server):
        silent = socket.create_connection(("127.0.0.1", server.server_port))
        plain = raw(server, b"GET / HTTP/1.1\r\n\r\n")  # no handshake
        port = server.server_port
        connection = http.client.HTTPSConnection("localhost", port, context=trust)
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"content of index.html"
        connection.close()
        silent.close()
    assert b"content" not in plain
    assert server.url == f"https://localhost:{port}/"


def test_an_unreadable_certificate_is_one_line(certificate, tmp_path):
    cert, key = certificate
    other = tmp_path / "other.pem"
    other.write_text("no certificate")
    for files, words in (
        ((cert, tmp_path / "absent"), "no such file"),
        ((other, key), "both are PEM"),
        ((cert, other), "both are PEM"),
        ((cert, cert), "both are PEM"),
    ):
        with pytest.raises(InputError, match=words) as raised:
            DemoServer({}, port=0, certificate=files)
        assert "\n" not in str(raised.value)


def test_a_key_with_a_password_is_one_line(certificate, tmp_path):
    locked = tmp_path / "locked.pem"
    command = (
        f"openssl pkey -in {certificate[1]} -aes256 -passout pass:abcd -out {locked}"
    )
    subprocess.run(command.split(), check=True, capture_output=True)
    with pytest.raises(InputError, match="has a password"):
        DemoServer({}, port=0, certificate=(certificate[0], locked))
