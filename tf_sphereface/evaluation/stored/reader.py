"""Reads the reports that `write_report` wrote, and says which can be compared."""

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, FiniteFloat, ValidationError, model_validator

from tf_sphereface.errors import InputError
from tf_sphereface.evaluation.report_types import Curve
from tf_sphereface.evaluation.stored.writer import (
    CURVES_FILE,
    JSON_FILE,
    SCHEMA_VERSION,
)


class _Model(BaseModel):
    path: str
    sha256: str
    variant: str | None


class _Input(BaseModel):
    file: str
    sha256: str


class _Content(BaseModel):
    """The keys of report.json that comparisons use."""

    schema_version: Literal[SCHEMA_VERSION]
    run_id: str | None = None
    protocol: str
    rule: str | None = None
    missing: str | None = None
    model: _Model
    inputs: dict[str, _Input]
    headline: tuple[tuple[str, str], ...]
    headline_intervals: dict[str, str] = {}
    counts: dict[str, int] = {}
    accuracy: FiniteFloat | None = None


class _StoredCurve(BaseModel):
    name: str
    kind: str
    labels: tuple[str, str]
    x: list[FiniteFloat]
    y: list[FiniteFloat]

    @model_validator(mode="after")
    def _of_one_length(self):
        if len(self.x) != len(self.y) or not self.x:
            raise ValueError("x and y must have one length, at least 1")
        if self.kind == "angles" and len(self.x) < 2:
            raise ValueError("a histogram must have two bins at least")
        return self


class _Curves(BaseModel):
    run_id: str | None = None
    curves: list[_StoredCurve]


@dataclasses.dataclass(frozen=True)
class StoredReport:
    """A report that lies in a folder.

    Args:
        folder: Where.
        content: Of report.json.
        curves: Of curves.json.
    """

    folder: Path
    content: _Content
    curves: tuple[Curve, ...] = dataclasses.field(repr=False)


def read_report(folder: Path) -> StoredReport:
    """Reads report.json and curves.json of a folder.

    Raises: InputError if one of them is missing, damaged or of another version, or if
        they are of two evaluations.
    """
    folder = Path(folder)
    content = _read(folder / JSON_FILE, _Content)
    curves = _read(folder / CURVES_FILE, _Curves)
    if curves.run_id != content.run_id:
        raise InputError(
            f"{JSON_FILE} and {CURVES_FILE} are of two evaluations, of which one was "
            f"interrupted: {folder}; evaluate again"
        )
    lines = tuple(
        Curve(each.name, each.kind, each.x, each.y, each.labels)
        for each in curves.curves
    )
    return StoredReport(folder, content, lines)


def _read(path, model):
    try:
        return model.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(
            f"no report: {path} ({error.strerror}); `sphereface evaluate --out "
            f"{path.parent}` writes one"
        ) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "file"
        raise InputError(
            f"damaged report, or one of another version: {path} ({place}: "
            f"{first['msg']}); evaluate again"
        ) from error


def require_comparable(reports: Sequence[StoredReport]) -> None:
    """Refuses reports that do not measure the same.

    Raises: InputError, in one line, if there are fewer than two; if protocol, rule or
        the treatment of missing photos differ, or the lists or what they count.
    """
    if len(reports) < 2:
        raise InputError(f"it takes two reports to compare. Received: {len(reports)}")
    first = reports[0]
    for other in reports[1:]:
        for what, value in _what_was_measured(first).items():
            found = _what_was_measured(other)[what]
            if found != value:
                raise InputError(
                    f"only reports of the same {what} can be compared: "
                    f"{first.folder} has {_words(value)}, {other.folder} has "
                    f"{_words(found)}"
                )


def _what_was_measured(report):
    content = report.content
    counts = {
        key: count for key, count in content.counts.items() if "missing" not in key
    }
    return {
        "protocol": content.protocol,
        "rule": content.rule,
        "treatment of missing photos": content.missing,
        "lists": {
            name: f"{given.file} (SHA-256 {given.sha256[:12]}...)"
            for name, given in content.inputs.items()
        },
        "counts": counts,
    }


def _words(value):
    if isinstance(value, dict):
        return ", ".join(f"{key} {each}" for key, each in value.items()) or "none"
    return "none" if value is None else value


def short_names(folders: Sequence[Path]) -> list[str]:
    """The parts of paths that tell them apart: a/x/report, a/y/report give x, y.

    Bytes that are no text are escaped.
    """
    parts = [Path(folder).absolute().parts for folder in folders]
    if len(set(parts)) < len(parts):
        raise InputError("each report must be another one; a folder is given twice")
    while len({each[-1] for each in parts}) == 1:
        parts = [each[:-1] for each in parts]
    length = 1
    while len({each[-length:] for each in parts}) < len(parts):
        length += 1
    names = ("/".join(each[-length:]) for each in parts)
    return [name.encode(errors="backslashreplace").decode() for name in names]


def difference(figure: str, first: str) -> str:
    """Difference of a figure of a headline to another: "+0.12", or "" if unknown.

    Args:
        figure: "99.28 %".
        first: "99.16 %"; another unit, or no number, makes it unknown.
    """
    numbers, units = [], set()
    for text in (figure, first):
        match = re.match(r"(-?[\d,]+(?:\.(\d+))?)(.*)$", text)
        if match is None:
            return ""
        numbers.append((float(match[1].replace(",", "")), len(match[2] or "")))
        units.add(match[3])
    if len(units) > 1:
        return ""
    digits = max(places for _, places in numbers)
    value = round(numbers[0][0] - numbers[1][0], digits) + 0.0
    return f"{value:+,.{digits}f}" if value else "±0"
