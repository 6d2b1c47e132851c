"""Embeddings from a TFLite file, without TensorFlow: as a phone computes them."""

from pathlib import Path

import numpy as np

from tf_sphereface.errors import InputError
from tf_sphereface.litert import allocate, open_interpreter
from tf_sphereface.preprocessing import PixelContract

_INTEGERS = (np.int8, np.uint8)
_LARGEST_BATCH = 16  # more faces at once gain no speed and cost memory


class TFLiteEmbedder:
    """The embedding network of a TFLite file.

    Float and quantised inputs and outputs are served alike. Files with a dynamic batch
    run whole batches; files with a fixed batch of 1 run face by face. An object serves
    one thread at a time.

    Args:
        model_path: TFLite file with one input (1 or any, height, width, 3) and one
            output (1 or any, embedding_dim).
        pixel_contract: What the network wants its pixels to be.
        threads: CPU threads; None leaves the choice to the interpreter.

    Raises: InputError if the file is missing, damaged or another kind of network.
    """

    kind = "tflite"

    def __init__(
        self,
        model_path: Path,
        pixel_contract: PixelContract,
        threads: int | None = None,
    ):
        if threads is not None and threads < 1:
            raise ValueError(f"`threads` must be at least 1. Received: {threads!r}")
        self.pixel_contract = pixel_contract
        self._interpreter = _open_interpreter(Path(model_path), threads)
        self.input_details = _only(
            self._interpreter.get_input_details(), "input", model_path
        )
        self.output_details = _only(
            self._interpreter.get_output_details(), "output", model_path
        )
        self._check_shapes(model_path)
        self.embedding_dim = int(self.output_details["shape"][1])
        # A resized batch stays until another size comes: resizing plans memory anew.
        self._batch = int(self.input_details["shape"][0])
        self._largest = _LARGEST_BATCH if self._is_dynamic() else 1

    def embed(self, aligned_faces: np.ndarray) -> np.ndarray:
        """Embeds aligned faces.

        Args:
            aligned_faces: uint8 (faces, height, width, 3), RGB.

        Returns: Float32 (faces, embedding_dim), not L2-normalised.
        Raises: ValueError if the array has another type or shape.
        """
        expected = (self.pixel_contract.height, self.pixel_contract.width, 3)
        aligned_faces = np.asarray(aligned_faces)
        if aligned_faces.dtype != np.uint8 or aligned_faces.shape[1:] != expected:
            raise ValueError(
                f"`aligned_faces` must be uint8 (faces, {', '.join(map(str, expected))}"
                f"). Received: {aligned_faces.dtype} {aligned_faces.shape}"
            )
        parts = [np.zeros((0, self.embedding_dim), np.float32)]
        for start in range(0, len(aligned_faces), self._largest):
            parts.append(self._run(aligned_faces[start : start + self._largest]))
        return np.concatenate(parts)

    def _run(self, faces):
        if len(faces) != self._batch:
            self._interpreter.resize_tensor_input(
                self.input_details["index"], (len(faces), *faces.shape[1:])
            )
            self._interpreter.allocate_tensors()
            self._batch = len(faces)
        inputs = self.pixel_contract.normalize(faces.astype(np.float32))
        self._interpreter.set_tensor(
            self.input_details["index"], _to_stored(inputs, self.input_details)
        )
        self._interpreter.invoke()
        outputs = self._interpreter.get_tensor(self.output_details["index"])
        return _to_real(outputs, self.output_details)

    def _is_dynamic(self):
        return self.input_details["shape_signature"][0] == -1

    def _check_shapes(self, model_path):
        wanted = (self.pixel_contract.height, self.pixel_contract.width, 3)
        shape = tuple(int(size) for size in self.input_details["shape"])
        if len(shape) != 4 or shape[1:] != wanted or shape[0] != 1:
            raise InputError(
                f"not a face-embedding network for {wanted[0]} x {wanted[1]} crops: "
                f"{model_path} takes {shape}"
            )
        shape = tuple(int(size) for size in self.output_details["shape"])
        if len(shape) != 2 or shape[0] != 1:
            raise InputError(
                f"not a face-embedding network: {model_path} gives {shape}"
            )


def _open_interpreter(path, threads):
    try:
        content = path.read_bytes()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise InputError(f"no such TFLite model: {path}") from error
    if not content:
        raise InputError(f"not a TFLite model: {path} is empty")
    try:
        interpreter = open_interpreter(content, threads)
        allocate(interpreter)
    except (ValueError, RuntimeError) as error:
        raise InputError(f"not a TFLite model: {path} ({error})") from error
    return interpreter


def _only(details, side, path):
    kinds = (np.float32, *_INTEGERS)
    if len(details) != 1 or details[0]["dtype"] not in kinds:
        raise InputError(
            f"not a face-embedding network: {path} must have one {side}, "
            "float32, int8 or uint8"
        )
    return details[0]


def _to_stored(values, details):
    if details["dtype"] not in _INTEGERS:
        return values.astype(np.float32)
    scale, zero_point = details["quantization"]
    limits = np.iinfo(details["dtype"])
    stored = np.round(values / scale) + zero_point
    return np.clip(stored, limits.min, limits.max).astype(details["dtype"])


def _to_real(values, details):
    if details["dtype"] not in _INTEGERS:
        return values
    scale, zero_point = details["quantization"]
    return (values.astype(np.float32) - zero_point) * np.float32(scale)
