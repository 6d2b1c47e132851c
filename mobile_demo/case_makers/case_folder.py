"""Files of contract cases: JSON and PNG, in memory until they are written."""

import base64
import io
import json
from pathlib import Path

import numpy as np
from PIL import Image

FORMAT_VERSION = 1
_DIGITS = 9  # behind the point; float64 has some 16 of a pixel's place


class CaseFolder:
    """Files by their names.

    Attributes:
        files: Contents, bytes, by the name below the folder.
    """

    def __init__(self):
        self.files, self._topics = {}, {}

    def png(self, name: str, pixels: np.ndarray) -> str:
        """Keeps a picture, uint8 (height, width, 3), RGB; gives its name."""
        encoded = io.BytesIO()
        Image.fromarray(pixels).save(encoded, "PNG", optimize=True)
        self.files[f"{name}.png"] = encoded.getvalue()
        return f"{name}.png"

    def text(self, name: str, content: str | bytes) -> str:
        """Keeps a file; gives its name."""
        content = content.encode() if isinstance(content, str) else content
        self.files[name] = content
        return name

    def topic(self, name: str, about: str, cases: list[dict], **others) -> None:
        """Keeps the cases of one topic as NAME.json.

        Args:
            name: Of the topic.
            about: A sentence on them.
            cases: A dict each, with a `name`.
            **others: More that belongs to all of them, such as `tolerance`.
        """
        self._topics[name] = f"{name}.json"
        content = {"topic": name, "about": about, **others, "cases": cases}
        self.files[f"{name}.json"] = _json(content)

    def finish(self, **facts) -> dict[str, bytes]:
        """All files, with the index `cases.json`."""
        index = {
            "kind": "tf_sphereface contract cases",
            "format_version": FORMAT_VERSION,
            **facts,
            "topics": self._topics,
        }
        return {**self.files, "cases.json": _json(index)}


def write_files(files: dict[str, bytes], folder: Path) -> None:
    """Writes files below a folder, which is made if it is missing."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def packed(numbers) -> str:
    """Base64 of float32, the least byte first."""
    return base64.b64encode(np.asarray(numbers, "<f4").tobytes()).decode()


def _json(content) -> bytes:
    text = json.dumps(_plain(content), ensure_ascii=True, allow_nan=False)
    return (_broken(text) + "\n").encode()


def _broken(text):
    """JSON with a line for each case, so that changes can be read."""
    content = json.loads(text)
    head = {key: value for key, value in content.items() if key != "cases"}
    lines = json.dumps(head, indent=1)
    if "cases" not in content:
        return lines
    cases = ",\n".join(f"  {json.dumps(case)}" for case in content["cases"])
    return f'{lines[:-2]},\n "cases": [\n{cases}\n ]\n}}'


def _plain(value):
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float):
        return None if np.isnan(value) else round(value, _DIGITS)
    return value
