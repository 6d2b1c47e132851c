"""The rooms of the Android app's core: imports point one way, and none at Android."""

import re
from pathlib import Path

CORE = Path(__file__).parents[2] / (
    "mobile_demo/android/core/src/main/java/tfsphereface/core"
)
# Classes of a room may use those of lower rooms, and each other.
LEVELS = [{"core"}, {"pixels", "runtimes"}, {"detection"}, {"bundle"}, {"gallery"}]
LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}
IMPORT = re.compile(r"^import (?:static )?([\w.]+);", re.MULTILINE)


def imports():
    """(file, imported class) of all of core."""
    files = sorted(CORE.rglob("*.java"))
    assert {file.parent.name for file in files} == set(LEVEL)
    return [(f, name) for f in files for name in IMPORT.findall(f.read_text("utf-8"))]


def test_imports_of_core_point_one_way():
    against = []
    for file, name in imports():
        if name.startswith("tfsphereface."):
            room = name.split(".")[-2]
            if room != file.parent.name and LEVEL[room] >= LEVEL[file.parent.name]:
                against.append((file.name, name))
    assert not against


def test_core_knows_no_android():
    assert not [i for i in imports() if i[1].startswith(("android.", "androidx."))]
