"""Weights of elsewhere into a backbone of ours, all or nothing."""

import dataclasses
import json
from pathlib import Path

from tf_sphereface.errors import InputError
from tf_sphereface.files import replacing, sha256_of
from tf_sphereface.geometry import CropGeometry
from tf_sphereface.network_names import present_arguments, with_depth
from tf_sphereface.weights.assignment import Row, match, values_for
from tf_sphereface.weights.files.formats import (
    GRAPHS,
    check_new_model,
    kind_of,
    read_weight_file,
)
from tf_sphereface.weights.names import keys_of, read_name_map
from tf_sphereface.weights.networks import NETWORKS, Sizes
from tf_sphereface.weights.suggestion import suggest_map
from tf_sphereface.weights.targets import targets_of

_LONGEST_LICENCE = 1 << 20  # bytes


@dataclasses.dataclass(frozen=True)
class ImportReport:
    """Result of an import.

    Args:
        rows: A row for each tensor of the file.
        missing: Weights that stayed as the network began with (`partial` only).
        notes: What the reader left out, in words.
    """

    kind: str
    sha256: str
    arguments: dict
    channel_order: str
    parameters: int
    rows: list[Row]
    missing: list[str]
    notes: list[str]


def import_weights(
    source: Path,
    backbone: str,
    out: Path,
    *,
    arguments: dict | None = None,
    map_file: Path | None = None,
    prototxt: Path | None = None,
    licence: Path | None = None,
    partial: bool = False,
) -> ImportReport:
    """Fills a backbone with the weights of a file and saves it as `.keras`.

    Args:
        source: .caffemodel, PyTorch's .pth, .pt or .ckpt, .safetensors, .keras or .h5;
            TensorFlow's .pb, or a checkpoint by its prefix, parts or folder, of which
            source and checksum are the data file's; .onnx or .tflite, whose network
            is matched operation by operation and must give the backbone's embeddings.
        backbone: One of `NETWORKS`, or a short name that says the depth, such as
            "sphereface20".
        out: New `.keras` file; written whole or not at all.
        arguments: Of the backbone; what is not given is told by the file.
        map_file: TOML of `read_name_map`, for a file with other names.
        prototxt: The network's description, to be checked against a .caffemodel.
        licence: Text that is kept with the weights.
        partial: Whether what fits is enough.

    Raises: InputError if the file is damaged, asks for code, or does not fit.
    """
    check_new_model(out)
    text = _read_licence(licence)
    if kind_of(source) in GRAPHS and (map_file or prototxt or partial):
        raise InputError(
            "--map, --partial and --prototxt are for tensors by name; a .onnx or "
            ".tflite file is matched as a whole"
        )
    prepared = _Prepared(source, backbone, dict(arguments or {}), map_file)
    if prototxt is not None:
        from tf_sphereface.weights.files.prototxt import check_prototxt

        check_prototxt(prototxt, prepared.file)
    model = prepared.model
    rows, missing = prepared.fill(partial)
    content = prepared.file.path if prepared.file else source
    sha256 = sha256_of(content)
    model.provenance = {
        "source": content.name,
        "format": prepared.kind,
        "sha256": sha256,
        "licence": text,
        **prepared.origin,
    }
    with replacing(out) as temporary:
        model.save(temporary)
    return ImportReport(
        prepared.kind,
        sha256,
        prepared.arguments,
        model.pixel_contract.channel_order,
        model.count_params(),
        rows,
        missing,
        prepared.notes,
    )


def suggest_weights_map(
    source: Path, backbone: str, arguments: dict | None = None
) -> str:
    """A map for `import_weights`, proposed by order and shape, as TOML.

    Raises: InputError if the file is damaged or has no tensors.
    """
    prepared = _Prepared(source, backbone, dict(arguments or {}), None)
    if prepared.file is None:
        raise InputError(f"a map is for tensors by name. Received: {prepared.kind}")
    return suggest_map(prepared.file, targets_of(prepared.model), prepared.layout)


class _Prepared:
    """The file, opened, and the backbone of the size that it tells, not yet filled."""

    def __init__(self, source, backbone, arguments, map_file):
        try:
            name, arguments = with_depth(backbone, present_arguments(arguments))
        except ValueError as error:
            raise InputError(str(error)) from error
        if name not in NETWORKS:
            raise InputError(
                f"`backbone` must be one of {', '.join(NETWORKS)}, or say the depth as "
                f"in sphereface20 and iresnet50. Received: {backbone!r:.80}"
            )
        self._network = NETWORKS[name]
        self._source = source
        self.kind = kind_of(source)
        self.file, self.notes, self._graph, told = None, [], None, {}
        self.origin, contract = {}, {"channel_order": self._network.channel_order}
        if self.kind in GRAPHS:
            from tf_sphereface.weights.graphs.importing import GraphImport

            self._graph = GraphImport(source, self.kind, backbone, arguments, NETWORKS)
            self.arguments, self.model = self._graph.arguments, self._graph.model
            self.notes = self._graph.notes
            return
        if self.kind != "keras weights":
            name_map = read_name_map(map_file) if map_file else None
            self.file = read_weight_file(source, self.kind)
            if self.kind.startswith("tensorflow") and self._network.tensorflow_names:
                self.file, name_map = self._network.tensorflow_names(
                    self.file, name_map
                )
            self.notes = list(self.file.notes)
            self._keys = keys_of(self.file, name_map)
            self.layout = (name_map and name_map.layout) or self.file.layout
            told = self._network.sizes(
                Sizes(self.file, self._keys, self.layout, arguments)
            )
            contract |= _contract_of(self.file)
            contract |= _crop_of(self.file, told | arguments)
            if self.file.metadata.get("provenance"):  # of a file that we wrote
                self.origin = {"origin": self.file.metadata["provenance"]}
        elif map_file is not None:
            raise InputError("a map is for files with tensors by name")
        self.arguments = {**contract, **told, **arguments}
        self.model = self._network.make(**self.arguments)

    def fill(self, partial):
        """Assigns all or nothing; gives the rows and the weights that got nothing."""
        if self._graph is not None:
            return self._graph.fill(), []
        if self.file is None:
            from tf_sphereface.weights.files.keras_file import load_weights_into

            load_weights_into(self.model, self._source)
            rows = [
                Row(t.label, tuple(t.variable.shape), "float32", t.label, "by Keras")
                for t in targets_of(self.model)
            ]
            return rows, []
        targets = targets_of(self.model)
        pairs, left_out = match(
            self.file, self._keys, targets, self._network.classifiers, partial
        )
        values, rows = values_for(self.file, pairs, self.layout)
        for target, array in values:
            target.variable.assign(array)
        filled = {target.label for target in pairs.values()}
        missing = [t.label for t in targets if t.label not in filled]
        return rows + left_out, missing


def _contract_of(file):
    """The pixel contract in the metadata of a file that we wrote."""
    metadata = file.metadata
    try:
        found = {
            name: _pixel_value(metadata[name])
            for name in ("pixel_mean", "pixel_scale")
            if name in metadata
        }
    except (TypeError, ValueError) as error:
        raise InputError(f"damaged metadata: {file.path}") from error
    if "channel_order" in metadata:
        found["channel_order"] = metadata["channel_order"]
    return found


def _pixel_value(text):
    """A number, or one of each channel."""
    return tuple(map(float, json.loads(text))) if text[:1] == "[" else float(text)


def _crop_of(file, size):
    """The crops in the metadata of a file that we wrote, if they are of this size."""
    metadata, sides = file.metadata, ("height", "width")
    if "crop" not in metadata:
        return {}
    try:
        said = json.loads(metadata["crop"])
        height, width = (int(metadata[side]) for side in sides)
        crop = CropGeometry(height, width, said["template"], said["fit"])
    except (TypeError, ValueError, KeyError) as error:
        raise InputError(f"damaged metadata: {file.path}") from error
    same = all(size.get(side) == getattr(crop, side) for side in sides)
    return {"crop": crop.kind} if same else {}


def _read_licence(path):
    if path is None:
        return ""
    if path.stat().st_size > _LONGEST_LICENCE:
        raise InputError(f"a licence must be a text of at most 1 MB: {path}")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"a licence must be a text in UTF-8: {path}") from error
