"""Documents of an earlier format version, rewritten in the present one."""

import json

from pydantic_core import from_json

from tf_sphereface.bundle.records import STEPS


def upgraded(content: bytes, earlier: int, present: int) -> bytes:
    """A document in the present format version.

    Only the form changes; the content is left to whoever validates the document.

    Args:
        content: JSON of a contract or of a TFLite file's metadata. A damaged document,
            or one of another version, is returned as it is.
        earlier: Format version that is rewritten.
        present: Format version of the result.
    """
    try:
        document = from_json(content)
        if document["format_version"] != earlier:
            return content
        _merge_feature(document)
        for variant in document.get("variants", {}).values():
            if "mixed" in variant:
                variant["cross_variant"] = variant.pop("mixed")
        if "detector" in document:
            _take_one_detector(document)
    except (ValueError, TypeError, KeyError, AttributeError):
        return content
    return json.dumps({**document, "format_version": present}).encode()


def _merge_feature(document):
    """`feature` in place of `mirror` and `graph`."""
    if document.get("kind") == "saved_model":  # whose files always did all of it
        inside = STEPS
    else:
        graph = document.pop("graph")
        keys = {"pixels": "pixels", "mirror": "mirror", "l2": "l2_normalized"}
        inside = [step for step in STEPS if graph.get(keys[step])]
    document["feature"] = {"mirror": document.pop("mirror"), "inside": inside}


def _take_one_detector(document):
    """The default detector; the files of the others become documents."""
    detector = document["detector"]
    variants = dict(detector["variants"])
    default = variants.pop(detector["default_variant"])
    settings = dict(detector["settings"])
    if settings.pop("package_arithmetic", False):
        # Levels and crops of the `mtcnn` package are no longer computed.
        raise ValueError("detector with another arithmetic")
    others = {
        f"detector_{name}_{network}": record
        for name, variant in variants.items()
        for network, record in variant["files"].items()
    }
    document["detector"] = {"files": default["files"], "settings": settings}
    document["documents"] = {**document.get("documents", {}), **others}
