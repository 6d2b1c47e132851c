"""Runs TFLite files in the interpreter of any Python, with NumPy alone beside it.

    python runtime_program.py INPUTS.npz OUTPUTS.npz FILE.tflite ...

INPUTS.npz has an array (crops, height, width, 3) by the file's number, from 0, as the
file takes it; OUTPUTS.npz gets (crops, numbers) as the file gives it. Prints JSON: the
name and version of the runtime, and by the file's number why it refused a file.
"""

import json
import sys

import numpy as np


def find_runtime():
    """(class of the interpreter, name and version of its distribution)."""
    from importlib import import_module, metadata

    for module in ("tflite_runtime", "ai_edge_litert"):
        try:
            interpreter = import_module(f"{module}.interpreter").Interpreter
        except ImportError:
            continue
        distribution = module.replace("_", "-")
        return interpreter, f"{distribution} {metadata.version(distribution)}"
    try:
        tensorflow = import_module("tensorflow")
    except ImportError:
        sys.exit("no tflite-runtime, ai-edge-litert or tensorflow")
    return tensorflow.lite.Interpreter, f"tensorflow {tensorflow.__version__}"


def run(interpreter_class, path, inputs):
    interpreter = interpreter_class(model_path=path, num_threads=1)
    interpreter.allocate_tensors()
    [source], [sink] = interpreter.get_input_details(), interpreter.get_output_details()
    rows = []
    for row in inputs:
        interpreter.set_tensor(source["index"], row[None])
        interpreter.invoke()
        rows.append(interpreter.get_tensor(sink["index"])[0])
    return np.stack(rows)


def main(inputs_file, outputs_file, *files):
    interpreter_class, name = find_runtime()
    inputs, outputs, refusals = np.load(inputs_file), {}, {}
    for number, path in enumerate(files):
        try:
            outputs[str(number)] = run(interpreter_class, path, inputs[str(number)])
        except (RuntimeError, ValueError) as error:
            refusals[number] = str(error)
    np.savez(outputs_file, **outputs)
    print(json.dumps({"runtime": name, "refusals": refusals}))


if __name__ == "__main__":
    main(*sys.argv[1:])
