"""The process that trains, and how it is started.

Importing tensorflow-model-optimization turns `tf.keras` into Keras 2 for the rest of a
process, and some libraries, such as keras-cv, cannot be imported after it. The command
therefore starts this module in a process of its own.
"""

import dataclasses
import importlib.util
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

from tf_sphereface.errors import InputError
from tf_sphereface.native_messages import load_tensorflow
from tf_sphereface.quantization_training.recipe import QuantizationRecipe

_NEEDED = ("tensorflow_model_optimization", "tf_keras")


@dataclasses.dataclass(frozen=True)
class Job:
    """Task of one such process: the arguments of `trainer.quantization_train`."""

    run: str
    recipe: dict
    records: str
    out: str


def check_installed() -> None:
    """Raises: InputError if the libraries of the extra are missing."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(
            f"{' and '.join(missing)} not found: quantization-train needs the extra "
            "`quantization`: pip install 'tf-sphereface[quantization]'"
        )


def run_job(job: Job) -> int:
    """Runs a job in a process of its own; its messages and result go where ours do.

    Returns: The exit code: 0, 1 if the loss became NaN, 2 if the input is at fault.
    Raises: InputError as `check_installed`.
    """
    check_installed()
    command = [sys.executable, "-m", __name__, json.dumps(dataclasses.asdict(job))]
    # Keras 3 and tf-keras both take their own defaults where there is no keras.json.
    env = {**os.environ, "KERAS_HOME": os.devnull}
    return subprocess.run(command, check=False, env=env).returncode


def main(argv: list[str]) -> int:
    job = Job(**json.loads(argv[0]))
    load_tensorflow()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tf-keras on its own future
        from tf_sphereface.quantization_training.trainer import quantization_train

        try:
            result = quantization_train(
                Path(job.run),
                QuantizationRecipe.model_validate(job.recipe),
                Path(job.records),
                Path(job.out),
            )
        except (InputError, OSError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        except FloatingPointError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    brief = {name: result[name] for name in ("float", "result", "seconds")}
    print(json.dumps({"out": job.out, **brief}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
