"""Tests of the web demo's page with bundles that are refused, and with new ones."""

import hashlib
import json

import pytest

from tests.demo_server.browser import Demo, served
from tf_sphereface.bundle.contract import checksum_line
from tf_sphereface.demo_server.served_files import kept

pytestmark = [pytest.mark.web, pytest.mark.timeout(900)]


def test_a_bundle_that_is_computed_otherwise_is_refused(chromium, files):
    """Its golden embeddings are those of another network."""

    def forged(content):
        golden = json.loads(content)
        for face in golden["faces"]:
            face["embeddings"] = {k: v[::-1] for k, v in face["embeddings"].items()}
        return json.dumps(golden).encode()

    with served(resealed(files, "golden", forged)) as server:
        demo = Demo(chromium.new_context(), server.url).open("error")
        assert "nothing is recognised" in demo.notice("self-test")
        assert demo.page.is_disabled("#start") and demo.page.is_disabled("#choose")
        demo.tab("check")
        assert "failed" in demo.page.inner_text("#test")
        demo.context.close()


@pytest.mark.parametrize("kind", ["tampered", "newer", "without thresholds"])
def test_a_bundle_that_cannot_be_used_is_refused_in_words(chromium, files, kind):
    def change(contract):
        if kind == "newer":
            contract["format_version"] = 99
        if kind == "without thresholds":
            for variant in contract["variants"].values():
                variant["thresholds"] = None

    name = "detector/pnet.tflite" if kind == "tampered" else None
    changed_files = resealed(files, name, lambda content: content[:-1] + b"\0", change)
    if kind == "tampered":
        changed_files["/bundle/contract.json"] = files["/bundle/contract.json"]
        changed_files["/bundle/contract.json.sha256"] = files[
            "/bundle/contract.json.sha256"
        ]
    with served(changed_files) as server:
        demo = Demo(chromium.new_context(), server.url).open("error")
        words = demo.notice("open")
        expected = {"newer": "version", "without thresholds": "threshold"}.get(
            kind, "pnet"
        )
        assert expected in words and "The bundle was refused." in words
        assert demo.page.is_disabled("#start")
        demo.context.close()


def resealed(files, name, change, change_contract=lambda contract: None):
    """Files of a bundle with one of them changed, and the checksums of the contract."""
    made, contract = dict(files), json.loads(files["/bundle/contract.json"].read())
    record = contract["golden"] if name == "golden" else None
    if name:
        file = record["file"] if record else name
        content = change(files[f"/bundle/{file}"].read())
        made[f"/bundle/{file}"] = kept(content, file)
        for each in [record or contract["detector"]["files"]["pnet"]]:
            each |= {
                "sha256": hashlib.sha256(content).hexdigest(),
                "bytes": len(content),
            }
    change_contract(contract)
    content = json.dumps(contract).encode()
    made["/bundle/contract.json"] = kept(content, "contract.json")
    made["/bundle/contract.json.sha256"] = kept(checksum_line(content), "a.txt")
    return made


def test_a_new_bundle_replaces_the_stored_one(chromium, files):
    """At the next load: its contract has another name of the network."""
    context = chromium.new_context()
    with served(files) as server:
        port = server.server_port
        demo = Demo(context, server.url).open()
        demo.wait_for_copy()

    def rename(contract):
        contract["model"]["name"] = "another network"

    newer = resealed(files, None, None, rename)
    listed = json.loads(newer["/files.json"].read())
    for address in ("/bundle/contract.json", "/bundle/contract.json.sha256"):
        listed[address] = newer[address].sha256
    newer["/files.json"] = kept(json.dumps(listed).encode(), "files.json")
    with served(newer, port):
        demo.open()
        assert "another network" in demo.page.inner_text("#network")
        demo.wait_for_copy()
    demo.open()
    assert "another network" in demo.page.inner_text("#network")
    assert len(demo.page.evaluate("caches.keys()")) == 1
    context.close()
