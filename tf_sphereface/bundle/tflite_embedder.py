"""Embeddings from a TFLite file, without TensorFlow: as a phone computes them."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from tf_sphereface.bundle.features import require_crops
from tf_sphereface.bundle.records import FeatureRecord
from tf_sphereface.errors import InputError
from tf_sphereface.foreign.networks import require_runnable
from tf_sphereface.preprocessing import PixelContract
from tf_sphereface.runtimes.litert import (
    allocate,
    open_interpreter,
    reports_refusals,
    to_real,
    to_stored,
)
from tf_sphereface.similarity import usable_cores

_INTEGERS = (np.int8, np.uint8)


class TFLiteEmbedder:
    """The embedding network of a TFLite file.

    Inputs and outputs may be float or quantised, and inputs raw pixels if `feature`
    says so. Crops go through one by one, whether the file's batch is fixed at 1 or
    free, so that embeddings are independent of batch composition. Of several threads
    each has an interpreter of its own: that is faster than one interpreter with as many
    threads, and gives the same bits. An object serves one thread at a time.

    Args:
        model_path: TFLite file with one input (1 or any, height, width, 3) and one
            output (1 or any, embedding_dim).
        pixel_contract: Normalises the pixels, unless the file does; None is the default
            one in the size that the file takes.
        threads: CPU threads that crops are divided among; None is one for each core.
        feature: The steps that the file does itself; None: it takes raw pixels if its
            input is uint8 without a scale, and nothing else is inside.
        content: Of the file, if it was made here or tried already; the path is then its
            name in messages only. Without it another process runs the file first.

    Attributes:
        embedding_dim: Length of the output, int; of a file with the mirror image
            inside that is the whole feature.
        mirrors_itself: True if the mirror image is inside.
        takes_pixels: True if the file takes uint8 crops as they are.

    Raises: InputError if the file is missing, damaged or another kind of network, and
        in `embed` if the interpreter gives up;
        ValueError if `threads` is less than 1.
    """

    kind = "tflite"

    def __init__(
        self,
        model_path: Path,
        pixel_contract: PixelContract | None = None,
        threads: int | None = None,
        feature: FeatureRecord | None = None,
        content: bytes | None = None,
    ):
        if threads is not None and threads < 1:
            raise ValueError(f"`threads` must be at least 1. Received: {threads!r}")
        if content is None:
            content = _read(Path(model_path))
            require_runnable(content, Path(model_path))
        self._content = content
        interpreter = _open_interpreter(self._content, model_path)
        details = interpreter.get_input_details(), interpreter.get_output_details()
        self.input_details = _only(details[0], "input", model_path)
        self.output_details = _only(details[1], "output", model_path)
        self.pixel_contract = pixel_contract or _contract_of_size(self.input_details)
        self._check_shapes(model_path)
        self.takes_pixels = _takes_pixels(self.input_details)
        inside = None if feature is None else feature.inside
        if inside is not None:
            self._check_pixels(model_path, "pixels" in inside)
        self.mirrors_itself = "mirror" in (inside or ())
        self.embedding_dim = int(self.output_details["shape"][1])
        self._model_path = model_path
        self._threads = usable_cores() if threads is None else threads
        self._interpreters = [interpreter]  # others when there are crops for them
        self._pool = None

    def embed(self, aligned_faces: np.ndarray) -> np.ndarray:
        """Embeds aligned faces.

        Args:
            aligned_faces: uint8 (faces, height, width, 3), RGB.

        Returns: Float32 (faces, embedding_dim), not L2-normalised unless the graph does
            that. A row is the same, bit by bit, in any batch and with any `threads`.
        Raises: ValueError if the array has another type or shape.
        """
        aligned_faces = np.asarray(aligned_faces)
        require_crops(aligned_faces, self.pixel_contract)
        embeddings = np.empty((len(aligned_faces), self.embedding_dim), np.float32)
        # Each thread takes the next crop, however fast the others are.
        rows = iter(range(len(aligned_faces)))
        workers = min(self._threads, len(aligned_faces))
        if workers < 2:
            self._run(self._interpreters[0], rows, aligned_faces, embeddings)
            return embeddings
        self._make_ready(workers)
        runs = [
            self._pool.submit(self._run, interpreter, rows, aligned_faces, embeddings)
            for interpreter in self._interpreters[:workers]
        ]
        for run in runs:
            run.result()
        return embeddings

    def _make_ready(self, workers):
        while len(self._interpreters) < workers:
            self._interpreters.append(
                _open_interpreter(self._content, self._model_path)
            )
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads)

    def _run(self, interpreter, rows, faces, embeddings):
        """Writes the embeddings of those faces whose rows it gets."""
        source, sink = self.input_details["index"], self.output_details["index"]
        for row in rows:
            face = faces[row : row + 1]
            interpreter.set_tensor(source, self.stored_input(face))
            with reports_refusals(self._model_path):
                interpreter.invoke()  # without the GIL
            stored = interpreter.get_tensor(sink)
            embeddings[row : row + 1] = to_real(stored, self.output_details)

    def stored_input(self, faces: np.ndarray) -> np.ndarray:
        """Aligned faces as the file's input tensor stores them.

        Args:
            faces: uint8 (faces, height, width, 3), RGB.
        """
        if self.takes_pixels:
            return np.ascontiguousarray(faces)
        inputs = self.pixel_contract.normalize(faces.astype(np.float32))
        return to_stored(inputs, self.input_details)

    def _check_shapes(self, model_path):
        wanted = (self.pixel_contract.height, self.pixel_contract.width, 3)
        shape = tuple(int(size) for size in self.input_details["shape"])
        signature = tuple(self.input_details["shape_signature"].tolist())
        free = min(signature[1:], default=-1) < 0
        if len(shape) != 4 or shape[3] != 3 or free:
            raise InputError(
                "a face-embedding network must take (1, height, width, 3): "
                f"{model_path} takes {signature}"
            )
        if shape[1:] != wanted or shape[0] != 1:
            raise InputError(
                f"not a face-embedding network for {wanted[0]} x {wanted[1]} crops: "
                f"{model_path} takes {shape}"
            )
        shape = tuple(int(size) for size in self.output_details["shape"])
        if len(shape) != 2 or shape[0] != 1:
            raise InputError(
                f"not a face-embedding network: {model_path} gives {shape}"
            )

    def _check_pixels(self, model_path, expected):
        raw = self.takes_pixels
        if raw != expected:
            raise InputError(
                f"{model_path} {'takes' if raw else 'does not take'} uint8 pixels, its "
                f"contract says that it {'does not' if raw else 'does'}"
            )


def _takes_pixels(details):
    """uint8 without a scale: such a file normalises the pixels itself."""
    return details["dtype"] == np.uint8 and not details["quantization"][0]


def _contract_of_size(details):
    shape = [int(size) for size in details["shape"]]
    sized = len(shape) == 4 and min(shape) > 0  # any other shape is refused
    return PixelContract(*shape[1:3]) if sized else PixelContract()


def _read(path):
    try:
        content = path.read_bytes()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise InputError(f"no such TFLite model: {path}") from error
    if not content:
        raise InputError(f"not a TFLite model: {path} is empty")
    return content


def _open_interpreter(content, path):
    with reports_refusals(path):
        interpreter = open_interpreter(content, threads=1)
        allocate(interpreter)
    return interpreter


def _only(details, side, path):
    kinds = (np.float32, *_INTEGERS)
    if len(details) != 1 or details[0]["dtype"] not in kinds:
        raise InputError(
            f"not a face-embedding network: {path} must have one {side}, "
            "float32, int8 or uint8"
        )
    return details[0]
