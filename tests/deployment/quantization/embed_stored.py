"""Runs TFLite files on stored inputs, with NumPy and LiteRT alone.

    python embed_stored.py INPUTS.npz OUTPUTS.npz FILE.tflite ...

INPUTS.npz has an array (crops, height, width, 3) by the file's stem, as the file takes
it; OUTPUTS.npz gets (crops, embedding_dim) as the file gives it.
"""

import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter


def embed(path, inputs):
    interpreter = Interpreter(model_content=path.read_bytes(), num_threads=1)
    interpreter.allocate_tensors()
    [source], [sink] = interpreter.get_input_details(), interpreter.get_output_details()
    rows = []
    for row in inputs:
        interpreter.set_tensor(source["index"], row[None])
        interpreter.invoke()
        rows.append(interpreter.get_tensor(sink["index"])[0])
    return np.stack(rows)


if __name__ == "__main__":
    stored = np.load(sys.argv[1])
    files = [Path(name) for name in sys.argv[3:]]
    np.savez(
        sys.argv[2], **{path.stem: embed(path, stored[path.stem]) for path in files}
    )
