"""Contracts changed by hand, with their checksums made again."""

import json

from tf_sphereface.bundle.contract import checksum_file, checksum_line


def reseal(folder):
    """Makes the checksum of contract.json anew, as whoever forges a bundle can."""
    path = folder / "contract.json"
    checksum_file(path).write_bytes(checksum_line(path.read_bytes()))


def edit_contract(folder, change):
    """Changes the JSON of a bundle's contract by a function, and its checksum."""
    path = folder / "contract.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    reseal(folder)
