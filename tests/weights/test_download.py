"""Tests for tf_sphereface.weights.files.download, with a server of TLS on loopback."""

import hashlib
import http.server
import json
import ssl
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest

from tests.weights import writers
from tf_sphereface.commands.main import main
from tf_sphereface.errors import InputError
from tf_sphereface.weights.files import download
from tf_sphereface.weights.files.download import weights_at

# Key and certificate of "127.0.0.1", for this test alone:
# openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500
#   -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1,DNS:localhost
CERTIFICATE = Path(__file__).parent / "loopback.pem"
CONTENT = bytes(range(256)) * 9000  # more than two blocks
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    files = {}

    def do_GET(self):  # noqa: N802
        name = self.path.partition("?")[0]
        if name.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", name.removeprefix("/to/"))
            self.end_headers()
            return
        content = self.files.get(name)
        self.send_response(404 if content is None else 200)
        length = 3 << 40 if name == "/huge.pth" else len(content or b"")
        self.send_header("Content-Length", str(length))
        self.end_headers()
        cut = 1000 if name == "/cut.pth" else None
        self.wfile.write((content or b"")[:cut])

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def trusting(monkeypatch, tmp_path):
    """Trust in the server, and a folder of temporary files that can be looked into."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    names = ("a.pth", "huge.pth", "cut.pth", "two words.PTH")
    files = {f"/{name.replace(' ', '%20')}": CONTENT for name in names}
    monkeypatch.setattr(Handler, "files", files)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))


def left_over(tmp_path):
    return list((tmp_path / "temporary").iterdir())


def test_a_file_is_there_for_the_block_and_gone_after_it(server, tmp_path):
    seen = []
    for name in ("a.pth", "a.pth?download=1", "two%20words.PTH"):
        address = f"{server}/{name}"
        with weights_at(address, SHA256.upper(), lambda *n: seen.append(n)) as path:
            assert path.read_bytes() == CONTENT
            assert path.suffix in (".pth", ".PTH")
        assert left_over(tmp_path) == []
    assert seen[-1] == (2, 2)


def test_a_redirect_within_https_is_followed(server):
    # As releases on GitHub are.
    with weights_at(f"{server}/to/{server}/a.pth", SHA256) as path:
        assert path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("address", "sha256", "reason"),
    [
        ("{server}/a.pth", None, "needs --sha256"),
        ("{server}/a.pth", "abc", "64 hexadecimal digits"),
        ("{server}/a.pth", 64 * "0", f"has the checksum {SHA256}"),
        ("{server}/cut.pth", SHA256, "has the checksum|cannot fetch"),
        ("{server}/huge.pth", SHA256, "larger than 2,048 MB"),
        ("{server}/absent.pth", SHA256, "cannot fetch .*Not Found"),
        ("{server}/a.7z", SHA256, "must end in one of .*unpack"),
        ("{server}/", SHA256, "must end in one of"),
        ("{server}/to/http://127.0.0.1:9/a.pth", SHA256, "not https"),
        ("{server}/to/file:///etc/passwd.pth", SHA256, "not allowed"),
        ("http://127.0.0.1:9/a.pth", SHA256, "must begin with https"),
        ("file:///etc/a.pth", SHA256, "must begin with https"),
        ("https:///a.pth", SHA256, "must begin with https"),
        ("https://[::1/a.pth", SHA256, "not an address"),
        ("https://127.0.0.1:1/a.pth", SHA256, "cannot fetch"),
        ("https://127.0.0.1:99999/a.pth", SHA256, "cannot fetch"),
        ("https://127.0.0.1:x/a.pth", SHA256, "cannot fetch"),
    ],
)
def test_what_cannot_be_trusted_is_refused(server, tmp_path, address, sha256, reason):
    with (
        pytest.raises(InputError, match=reason) as refusal,
        weights_at(address.format(server=server), sha256),
    ):
        pass
    assert "\n" not in str(refusal.value)
    assert left_over(tmp_path) == []


def test_a_length_that_is_not_told_is_counted(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "LARGEST", len(CONTENT) - 1)
    monkeypatch.setattr(Handler, "send_header", lambda *_: None)
    with pytest.raises(InputError, match="is larger than"):
        weights_at(f"{server}/a.pth", SHA256).__enter__()
    assert left_over(tmp_path) == []


def test_a_server_that_nobody_vouches_for_is_refused(server, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(InputError, match=r"cannot fetch .*(?i:certificate)"):
        weights_at(f"{server}/a.pth", SHA256).__enter__()


def test_the_checksum_of_a_path_is_compared_if_it_is_given(tmp_path):
    path = tmp_path / "a.pth"
    path.write_bytes(CONTENT)
    for sha256 in (None, SHA256):
        with weights_at(str(path), sha256) as given:
            assert given == path
    for source, reason in ((path, "not the file"), (tmp_path, "needs one file")):
        with pytest.raises(InputError, match=reason):
            weights_at(str(source), 64 * "0").__enter__()


def test_the_command_imports_from_an_address(server, tmp_path, monkeypatch, capsys):
    state = writers.sphere4_state(np.random.default_rng(0))
    content = writers.caffe_bytes(state)
    monkeypatch.setattr(Handler, "files", {"/x.caffemodel": content})
    out, address = tmp_path / "model.keras", f"{server}/x.caffemodel"
    words = ["import-weights", address, "--backbone", "sphereface4", "--out", str(out)]
    assert main(words) == 2
    assert "needs --sha256" in capsys.readouterr().err
    out.touch()  # seen before anything is fetched
    assert main([*words, "--sha256", 64 * "0"]) == 2
    assert "--out must be new" in capsys.readouterr().err
    out.unlink()
    sha256 = hashlib.sha256(content).hexdigest()
    assert main([*words, "--sha256", sha256]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["sha256"], result["assigned"]) == (sha256, 14)
    assert left_over(tmp_path) == [] and out.is_file()
