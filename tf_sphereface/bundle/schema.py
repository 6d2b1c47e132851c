"""The JSON schema of a bundle's contract, with what docstrings say of each field."""

import json
import re
from typing import Any

from tf_sphereface.bundle.contract import BundleContract

SCHEMA_FILE = "contract.schema.json"
_ITEM = re.compile(r"^(?: {4})?(\w+): (.*)$")


def bundle_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of a bundle's `contract.json`."""
    schema = with_field_descriptions(BundleContract.model_json_schema())
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def schema_content() -> bytes:
    """The schema as a file has it: in every bundle, and in the documents."""
    return (json.dumps(bundle_schema(), indent=2) + "\n").encode()


def with_field_descriptions(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema whose fields say what they are.

    Each description that is a docstring with a part "Args:" is cut there, and what the
    part says of a field becomes the description of that field.

    Args:
        schema: As pydantic gives it, with `$defs`.

    Returns: A new schema.
    """
    described = _with_descriptions(schema)
    definitions = schema.get("$defs", {})
    described["$defs"] = {
        name: _with_descriptions(part) for name, part in definitions.items()
    }
    return described


def _with_descriptions(part):
    if "description" not in part:
        return dict(part)
    text, fields = split_docstring(part["description"])
    properties = {
        name: {**value, "description": fields[name]} if name in fields else value
        for name, value in part.get("properties", {}).items()
    }
    described = {**part, "description": text}
    if "properties" in part:
        described["properties"] = properties
    return described


def split_docstring(docstring: str) -> tuple[str, dict[str, str]]:
    """The text before the first part such as "Args:", and what "Args:" says.

    Args:
        docstring: With its indent taken away, as `inspect.cleandoc` does.

    Returns: The text, its lines joined in each paragraph, and a description by name.
    """
    head, *_ = re.split(r"\n+(?:Args|Raises|Returns|Example):", docstring, maxsplit=1)
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", head)]
    _, _, rest = docstring.partition("Args:\n")
    items: dict[str, str] = {}
    name = None
    for line in rest.splitlines():
        if line and not line.startswith(" "):
            break  # the next part of the docstring
        if found := _ITEM.match(line):
            name = found[1]
            items[name] = found[2]
        elif name and line.strip():
            items[name] += " " + line.strip()
        else:
            name = None
    return "\n\n".join(paragraphs), items
