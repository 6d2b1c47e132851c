"""The golden faces of a bundle, embedded by the TFLite runtime of another Python."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from tf_sphereface.bundle.bundle import Bundle
from tf_sphereface.bundle.golden import embedding_difference
from tf_sphereface.errors import InputError
from tf_sphereface.files import scratch_folder
from tf_sphereface.runtimes.litert import to_real

_PROGRAM = Path(__file__).with_name("runtime_program.py")
_SECONDS = 600  # importing TensorFlow on a busy machine takes a minute


@dataclasses.dataclass(frozen=True)
class RuntimeCheck:
    """Result of another runtime on the variants of a bundle.

    Args:
        runtime: Its name and version, such as "tflite-runtime 2.14.0".
        refused: Its reason, by the variant that it refuses to run.
        differences: Of embeddings from the stored ones, one line each.
    """

    runtime: str
    refused: dict[str, str]
    differences: tuple[str, ...]


def run_files(
    python: str | Path, files: list[Path], inputs: list[np.ndarray]
) -> tuple[str, dict[int, np.ndarray], dict[int, str]]:
    """Runs TFLite files in the runtime that another Python has.

    Args:
        python: Interpreter with tflite-runtime, ai-edge-litert or tensorflow.
        files: TFLite files with one input and one output.
        inputs: For each file (crops, height, width, 3), as it takes them.

    Returns: Name and version of the runtime; outputs (crops, numbers), as the file
        gives them, by the file's number; reasons of the others, likewise.
    Raises: InputError if there is no such interpreter, it has no runtime, or it died.
    """
    with scratch_folder() as folder:
        np.savez(
            folder / "inputs.npz", **{str(n): rows for n, rows in enumerate(inputs)}
        )
        outputs_file = folder / "outputs.npz"
        command = [python, _PROGRAM, folder / "inputs.npz", outputs_file, *files]
        environment = {
            name: value for name, value in os.environ.items() if name != "PYTHONPATH"
        }
        try:
            process = subprocess.run(
                [str(part) for part in command],
                capture_output=True,
                text=True,
                env=environment,
                timeout=_SECONDS,
            )
        except OSError as error:
            raise InputError(f"no Python that runs: {python} ({error})") from error
        except subprocess.TimeoutExpired as error:
            raise InputError(f"{python} ran for {_SECONDS} s without end") from error
        if process.returncode < 0:
            raise InputError(
                f"the runtime of {python} was ended by signal {-process.returncode}"
            )
        if process.returncode:
            last = (process.stderr.strip().splitlines() or ["no message"])[-1]
            raise InputError(f"{python} cannot run TFLite files: {last}")
        said = json.loads(process.stdout.splitlines()[-1])
        with np.load(outputs_file) as stored:
            outputs = {int(number): stored[number] for number in stored.files}
    refusals = {int(number): reason for number, reason in said["refusals"].items()}
    return said["runtime"], outputs, refusals


def check_runtime(bundle: Bundle, python: str | Path = sys.executable) -> RuntimeCheck:
    """Embeds the golden faces by the runtime of another Python.

    Args:
        bundle: Whole; its variants run here too, for the layout of their tensors.
        python: As for `run_files`.

    Raises: InputError as `run_files`, or if the golden faces are damaged.
    """
    contract, golden = bundle.contract, bundle.golden
    crops = np.stack([golden.picture(face, "crop") for face in golden.faces])
    networks = {
        name: bundle.embedder(name, self_test=False) for name in contract.variants
    }
    with scratch_folder() as folder:
        files = []
        for record in contract.variants.values():  # the bytes that were compared
            files.append(folder / f"{len(files)}.tflite")
            files[-1].write_bytes(bundle.content(record))
        inputs = [
            np.concatenate([network.stored_input(crop[None]) for crop in crops])
            for network in networks.values()
        ]
        runtime, outputs, refusals = run_files(python, files, inputs)
    refused, differences = {}, []
    for number, (name, network) in enumerate(networks.items()):
        if number in refusals:
            refused[name] = refusals[number].splitlines()[0]
            continue
        embeddings = to_real(outputs[number], network.output_details)
        drift = bundle.variant(name).drift
        for index, (face, embedding) in enumerate(
            zip(golden.faces, embeddings, strict=True)
        ):
            found = embedding_difference(name, drift, embedding, face.embeddings[name])
            if found:
                differences.append(f"{runtime}: golden face {index}: {found}")
    return RuntimeCheck(runtime, refused, tuple(differences))
