"""A network's file read, and run on a few crops, in a process with limits."""

import dataclasses
from pathlib import Path

import numpy as np
from safetensors import safe_open

from tf_sphereface.errors import InputError
from tf_sphereface.foreign.sandbox import Limits, read_apart
from tf_sphereface.runtimes.onnx_runtime import require_packages
from tf_sphereface.weights.graphs.graph import Graph, pack, unpack

_LARGEST_FILE = 1 << 30  # bytes; IResNet-100 has 260 MB
_MEMORY, _SECONDS = 3 << 30, 120  # IResNet-100 takes a third of either
_RENDERED, _RANDOM = 3, 5
_READERS = {"onnx": "read_onnx", "tflite": "read_tflite"}


@dataclasses.dataclass(frozen=True)
class Network:
    """A file's network, and its embeddings of a few crops.

    Args:
        graph: The network.
        inputs: What it took, in its own pixels: (crops, rows, columns, 3).
        outputs: float32 (crops, embedding_dim).
    """

    graph: Graph
    inputs: np.ndarray
    outputs: np.ndarray


def read_network(path: Path, kind: str) -> Network:
    """The network of a file.

    Args:
        path: The file.
        kind: "onnx" or "tflite".

    Raises: InputError if it is damaged, or can be no embedding network of ours; a
        message names the operator.
    """
    if kind == "onnx":
        require_packages("onnx", "onnxruntime")
    size = path.stat().st_size
    if size > _LARGEST_FILE:
        raise InputError(f"{path} must be smaller than 1 GB")
    limits = Limits(_MEMORY + 8 * size, _SECONDS, 3 * _SECONDS)
    with (
        read_apart(f"{__name__}:{_READERS[kind]}", path, limits) as result,
        safe_open(result, "np") as file,
    ):
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        graph = unpack(arrays, file.metadata())
    return Network(graph, arrays["inputs"], arrays["outputs"])


def read_onnx(path: Path) -> tuple[dict, dict[str, str]]:
    """For the sandbox: an ONNX file's graph, and what onnxruntime gives.

    Raises: InputError.
    """
    from tf_sphereface.weights.graphs.onnx_file import read_graph

    return _read(path.read_bytes(), read_graph, _run_onnx, "ONNX", "onnxruntime")


def read_tflite(path: Path) -> tuple[dict, dict[str, str]]:
    """For the sandbox: a TFLite file's graph, and what LiteRT gives.

    Raises: InputError.
    """
    from tf_sphereface.weights.graphs.tflite_file import read_graph

    return _read(path.read_bytes(), read_graph, _run_tflite, "TFLite", "LiteRT")


def _read(content, read_graph, run, kind, runtime):
    try:
        graph, about = read_graph(content)
        arrays, texts = pack(graph)
    except InputError:
        raise
    except Exception as error:  # a foreign file makes the libraries raise anything
        raise InputError(f"is damaged, or no {kind} file ({_reason(error)})") from error
    if not all(np.isfinite(values).all() for values in arrays.values()):
        raise InputError("must have finite weights")
    inputs = _crops(about, bool(graph.pixels))
    try:
        embed = run(content, about)
        outputs = [embed(batch) for batch in inputs]
    except Exception as error:  # likewise
        raise InputError(f"could not be run by {runtime} ({_reason(error)})") from error
    outputs = np.concatenate([each.reshape(about["batch"], -1) for each in outputs])
    if not np.isfinite(outputs).all():
        raise InputError(f"gives numbers in {runtime} that are not finite")
    inputs = np.concatenate(inputs).astype(np.float32)
    if about["shape"][1] == 3:
        inputs = inputs.transpose(0, 2, 3, 1)
    arrays["inputs"] = np.ascontiguousarray(inputs)
    arrays["outputs"] = outputs.astype(np.float32)
    return arrays, texts


def _reason(error):
    return f"{' '.join(str(error).split()) or type(error).__name__:.200}"


def _crops(about, raw):
    """Rendered crops and noise in batches, as the file takes them."""
    import cv2

    from tf_sphereface.data.synthetic import (
        render_photo,
        sample_capture,
        sample_identity,
    )

    batch, *sides = about["shape"]
    first = sides[0] == 3
    rows, columns = sides[1:] if first else sides[:2]
    rng = np.random.default_rng(20170426)
    crops = [rng.integers(0, 256, (rows, columns, 3)) for _ in range(_RANDOM)]
    for _ in range(_RENDERED):
        photo = render_photo(sample_identity(rng), sample_capture(rng), size=250)
        crops.append(cv2.resize(photo.image, (columns, rows)))
    crops = np.resize(
        np.array(crops), (-(-len(crops) // batch) * batch, rows, columns, 3)
    )
    if not raw:
        crops = (crops - 127.5) / 128
    if first:
        crops = crops.transpose(0, 3, 1, 2)
    crops = np.ascontiguousarray(crops, about["dtype"])
    return np.split(crops, len(crops) // batch)


def _run_onnx(content, _):
    from tf_sphereface.runtimes.onnx_runtime import open_session

    session = open_session(content, threads=1)
    [taken] = session.get_inputs()
    return lambda batch: session.run(None, {taken.name: batch})[0]


def _run_tflite(content, about):
    from tf_sphereface.runtimes.litert import allocate, open_interpreter

    interpreter = open_interpreter(content, threads=1)
    [taken], [given] = interpreter.get_input_details(), interpreter.get_output_details()
    if tuple(taken["shape"]) != tuple(about["shape"]):
        interpreter.resize_tensor_input(taken["index"], about["shape"])
    allocate(interpreter)

    def run(batch):
        interpreter.set_tensor(taken["index"], batch)
        interpreter.invoke()
        return interpreter.get_tensor(given["index"])

    return run
