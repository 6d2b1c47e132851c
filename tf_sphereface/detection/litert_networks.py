"""P-Net, R-Net and O-Net through the LiteRT interpreter: no TensorFlow, any machine."""

from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tf_sphereface.detection.weight_files import NETWORK_NAMES
from tf_sphereface.errors import InputError
from tf_sphereface.foreign.networks import require_runnable
from tf_sphereface.runtimes.litert import allocate, open_interpreter, reports_refusals

# About 100 bytes of activations a pixel: P-Net's interpreters may hold 300 MB.
_CACHED_PIXELS = 3_000_000
_CACHED_SHAPES = 32
# Crops are run in batches of these sizes only, so that few input shapes occur.
_BATCH_SIZES = (64, 16, 4)
# What a network takes (-1 is any side) and the last sizes of what it gives, ordered
# by their names: box offsets, landmarks, probabilities.
_ENDS = {
    "pnet": ((-1, -1, 3), [4, 2]),
    "rnet": ((24, 24, 3), [4, 2]),
    "onet": ((48, 48, 3), [4, 10, 2]),
}


class LiteRTNetworks:
    """The three exported networks.

    Interpreters are kept for the input shapes in use, since a new shape costs a third
    of the time of a photo. An object serves one thread at a time.

    Args:
        networks: Folder of pnet.tflite, rnet.tflite and onet.tflite, or the contents
            of the three by name, "pnet" and so on, which a caller has checked.
        threads: CPU threads of each interpreter.

    Raises: InputError if a file is missing or is no TFLite model.
    """

    def __init__(self, networks: Path | Mapping[str, bytes], threads: int = 1):
        if threads < 1:
            raise ValueError(f"`threads` must be at least 1. Received: {threads!r}")
        if not isinstance(networks, Mapping):
            networks = _contents(Path(networks))
        self._networks = {
            name: _Network(networks[name], name, threads) for name in NETWORK_NAMES
        }

    def pnet(self, photos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Scans photos for 12 x 12 faces in steps of 2 pixels.

        Args:
            photos: Float32 (batch, height, width, 3), -1..1; at least 12 x 12.

        Returns: Box offsets (batch, rows, columns, 4) and face probabilities
            (batch, rows, columns).
        """
        offsets, scores = self._networks["pnet"](photos)
        return offsets, scores[..., 1]

    def rnet(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Judges crops, float32 (batch, 24, 24, 3): offsets (batch, 4), scores."""
        offsets, scores = self._networks["rnet"].in_batches(crops)
        return offsets, scores[:, 1]

    def onet(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Judges crops, float32 (batch, 48, 48, 3).

        Returns: Box offsets (batch, 4), landmarks (batch, 10) as five x and five y in
            fractions of the crop, and face probabilities (batch,).
        """
        offsets, landmarks, scores = self._networks["onet"].in_batches(crops)
        return offsets, landmarks, scores[:, 1]


class _Network:
    """One TFLite file with an interpreter for each recent input shape."""

    def __init__(self, content, name, threads):
        self._content, self._threads = content, threads
        self._file, self._interpreters = f"{name}.tflite", OrderedDict()
        with reports_refusals(self._file):
            interpreter = self._new_interpreter()
        _require_ends(interpreter, name)
        self._widths = _ENDS[name][1]
        # The order in the file is the converter's own; the output names keep ours.
        signature = interpreter.get_signature_list()["serving_default"]
        runner = interpreter.get_signature_runner("serving_default")
        details = runner.get_output_details()
        self._output_indices = [
            details[name]["index"] for name in sorted(signature["outputs"])
        ]

    def __call__(self, inputs):
        with reports_refusals(self._file):
            interpreter = self._interpreter(inputs.shape)
            index = interpreter.get_input_details()[0]["index"]
            interpreter.set_tensor(index, inputs)
            interpreter.invoke()
            given = [interpreter.get_tensor(index) for index in self._output_indices]
            places = {numbers.shape[:-1] for numbers in given}
            widths = [numbers.shape[-1] for numbers in given]
            alike = len(places) == 1 and widths == self._widths
            if not alike or {p[:1] for p in places} != {inputs.shape[:1]}:
                raise ValueError("its outputs do not belong together")
            return given

    def in_batches(self, inputs):
        """Runs any number of crops, the last batch filled up with zeros."""
        parts, start = [], 0
        while start < len(inputs) or not parts:
            left = len(inputs) - start
            size = next((size for size in _BATCH_SIZES if size <= left), None)
            if size is None:
                size = _BATCH_SIZES[-1]
                filled = np.zeros((size, *inputs.shape[1:]), inputs.dtype)
                filled[:left] = inputs[start:]
                parts.append([output[:left] for output in self(filled)])
            else:
                parts.append(self(inputs[start : start + size]))
            start += size
        return [np.concatenate(outputs) for outputs in zip(*parts, strict=True)]

    def _interpreter(self, shape):
        if shape in self._interpreters:
            self._interpreters.move_to_end(shape)
            return self._interpreters[shape]
        self._make_room(shape)
        if len(self._interpreters) < _CACHED_SHAPES:
            interpreter = self._new_interpreter()
        else:  # photos of many sizes: a change of shape is cheaper than a new one
            _, interpreter = self._interpreters.popitem(last=False)
        index = interpreter.get_input_details()[0]["index"]
        interpreter.resize_tensor_input(index, shape)
        allocate(interpreter)
        self._interpreters[shape] = interpreter
        return interpreter

    def _make_room(self, shape):
        pixels = sum(np.prod(known[:3]) for known in (*self._interpreters, shape))
        while self._interpreters and pixels > _CACHED_PIXELS:
            oldest, _ = self._interpreters.popitem(last=False)
            pixels -= np.prod(oldest[:3])

    def _new_interpreter(self):
        return open_interpreter(self._content, self._threads)


def _contents(folder):
    paths = {name: folder / f"{name}.tflite" for name in NETWORK_NAMES}
    try:
        contents = {name: path.read_bytes() for name, path in paths.items()}
    except FileNotFoundError as error:
        raise InputError(f"no such detector network: {error.filename}") from error
    for name, content in contents.items():
        require_runnable(content, paths[name])
    return contents


def _require_ends(interpreter, name):
    taken = [tuple(d["shape_signature"][1:]) for d in interpreter.get_input_details()]
    given = sorted(d["shape_signature"][-1] for d in interpreter.get_output_details())
    signed = "serving_default" in interpreter.get_signature_list()
    if not signed or (taken, given) != ([_ENDS[name][0]], sorted(_ENDS[name][1])):
        raise InputError(f"not the network {name} of a face detector: {name}.tflite")
