"""The JSON schema of a bundle's contract."""

import json
from typing import Any

from tf_sphereface.bundle.contract import BundleContract

SCHEMA_FILE = "contract.schema.json"


def bundle_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of a bundle's `contract.json`."""
    schema = BundleContract.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def schema_content() -> bytes:
    """Content of the schema's file, in every bundle and in the documents."""
    return (json.dumps(bundle_schema(), indent=2) + "\n").encode()
