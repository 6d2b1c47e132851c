"""Opens many mutants of model files, each in a process of its own, and counts the ends.

    python -m tests.mutants_of_models KIND FOLDER COUNT

FOLDER has the whole files of the kind; what they are is said at `OPENERS`. Printed is a
JSON object: how many were opened, refused in a line, ended their process, or raised
something else.

The process that opens a mutant runs our code as any program would, but for one thing:
the process with limits that looks at the file first is forked from one that has loaded
the libraries, which saves half a second.
"""

import collections
import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
from pathlib import Path

import numpy as np

from tf_sphereface.errors import InputError
from tf_sphereface.foreign import sandbox

_SECONDS = 120  # of one mutant, by the clock
_LENGTHS = (0, 1, 2, 127, 128, 255, 1 << 16, 1 << 24, (1 << 31) - 1, (1 << 32) - 1)


def mutated(content, rng):
    """The content with one to four changes of bits, numbers, pieces or the end."""
    content = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        size = len(content)
        at = rng.randrange(size) if size else 0
        change = rng.randrange(8)
        if change <= 2:
            content[at : at + 1] = bytes([rng.randrange(256)])
        elif change <= 4:
            at -= at % 4
            content[at : at + 4] = rng.choice(_LENGTHS).to_bytes(4, "little")
        elif change == 5:  # two pieces in each other's place
            other, length = rng.randrange(size) if size else 0, rng.randrange(1, 64)
            first, second = content[at : at + length], content[other : other + length]
            content[at : at + length] = second
            content[other : other + length] = first
        elif change == 6:
            content[at : at + rng.randrange(1, 64)] = rng.randbytes(rng.randrange(64))
        elif rng.random() < 0.2:
            del content[at:]
        else:  # beginnings have the tables of flatbuffers, ends those of other formats
            at = rng.randrange(min(size, 4096)) if size else 0
            content[at : at + 1] = bytes([rng.randrange(256)])
    return bytes(content)


def mutated_graph(content, rng):
    """A SavedModel whose nodes have other attributes, inputs or constants."""
    from tensorflow.core.protobuf import saved_model_pb2

    model = saved_model_pb2.SavedModel.FromString(content)
    functions = model.meta_graphs[0].graph_def.library.function
    nodes = [node for function in functions for node in function.node_def]
    for _ in range(rng.randint(1, 3)):
        node, other = rng.choice(nodes), rng.choice(nodes)
        name = rng.choice(sorted(node.attr) or [""])
        attribute, change = node.attr[name], rng.randrange(4)
        if change == 0 and node.input:
            at = rng.randrange(len(node.input))
            node.input[at] = rng.choice([*other.input, f"{other.name}:output:0"])
        elif change == 1:
            node.op = other.op
        else:
            _change_attribute(attribute, rng)
    return model.SerializeToString()


def _change_attribute(attribute, rng):
    number = rng.choice([-(1 << 63), -1, 0, 1, 2, 7, 1 << 20, 1 << 40, (1 << 63) - 1])
    tensor, kind = attribute.tensor, attribute.WhichOneof("value")
    if kind == "tensor":
        dims = tensor.tensor_shape.dim
        if dims and rng.random() < 0.5:
            rng.choice(dims).size = number
        elif rng.random() < 0.5:
            tensor.dtype = rng.randrange(1, 24)
        else:
            tensor.tensor_content = mutated(tensor.tensor_content or bytes(8), rng)
    elif kind == "type":
        attribute.type = rng.randrange(24)
    elif kind == "shape":
        attribute.shape.dim.add(size=number)
    elif kind == "b":
        attribute.b = not attribute.b
    elif kind == "list" and attribute.list.i:
        attribute.list.i[rng.randrange(len(attribute.list.i))] = number
    else:
        attribute.i = number


def open_tflite(path):
    from tf_sphereface.evaluation import load_embedding_source

    source = load_embedding_source(path)
    contract = source.pixel_contract
    source.embed(np.zeros((2, contract.height, contract.width, 3), np.uint8))


def open_saved_model(path):
    open_tflite(path)


def open_bundle(path):
    from tf_sphereface.bundle.match import match_photos
    from tf_sphereface.deployment.checking.bundle import check_bundle

    check_bundle(path / "bundle")
    match_photos(path / "bundle", (path / "0.png", path / "1.png"))


def open_onnx(path):
    from tf_sphereface.deployment.servers.onnx_session import embed_crops, open_session
    from tf_sphereface.preprocessing import PixelContract

    crops = np.zeros((2, 112, 96, 3), np.uint8)
    embed_crops(open_session(path), PixelContract(), crops)


def open_keras(path):
    from tf_sphereface.embedding_models import load_embedding_model

    load_embedding_model(path)


def open_checkpoint(path):
    from tf_sphereface.weights.files.tensorflow_checkpoint import read_checkpoint

    for tensor in read_checkpoint(path).tensors.values():
        tensor.read()


def open_network(path):
    from tf_sphereface.weights.graphs.reading import read_network

    read_network(path, path.suffix.removeprefix("."))


# Kind: what opens it, and which of the files in the folder are mutated.
OPENERS = {
    "tflite": (open_tflite, "*.tflite"),
    "bundle": (open_bundle, "*/bundle/**/*.tflite"),
    "saved_model": (open_saved_model, "*/**/*.*"),
    "onnx": (open_onnx, "*.onnx"),
    "network": (open_network, "*.*"),
    "keras": (open_keras, "*.*"),
    "checkpoint": (open_checkpoint, "*/*.*"),
}


def main(kind, folder, count, seed=0):
    opener, pattern = OPENERS[kind]
    files = sorted(path for path in Path(folder).glob(pattern) if path.is_file())
    requests = _start_zygote(kind)  # before anything loads TensorFlow
    _load(kind)
    work, counts = Path(folder).with_name(f"{kind}.{seed}"), collections.Counter()
    for number in range(int(seed), int(seed) + int(count)):
        rng = random.Random(f"{kind} {number}")
        file = rng.choice(files)
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        opened = _copy_with_mutant(Path(folder), file, work, rng)
        outcome = _in_a_process(opener, opened, requests)
        counts[outcome.split(":")[0]] += 1
        if outcome.startswith(("died", "raised")):
            print(number, file.name, outcome, file=sys.stderr, flush=True)
            kept = Path(folder).with_name(f"{kind}.kept")
            shutil.copytree(work, kept / str(number), dirs_exist_ok=True)
    print(json.dumps(counts))


def _copy_with_mutant(folder, file, work, rng):
    """Copies the file or folder of a model, one file of it mutated."""
    model = file.relative_to(folder).parts[0]
    if (folder / model).is_dir():
        shutil.copytree(folder / model, work / model)
    target = work / file.relative_to(folder)
    graph = file.name == "saved_model.pb" and rng.random() < 0.8
    change = mutated_graph if graph else mutated
    target.write_bytes(change(file.read_bytes(), rng))
    if (work / model / "bundle").is_dir():
        _seal(work / model / "bundle")
    return work / model


def _seal(bundle):
    """Makes the checksums of all files anew, as who wants to harm can."""
    from tests.bundle.sealing import edit_contract
    from tf_sphereface.files import sha256_of

    def change(content):
        for record in (
            *content["variants"].values(),
            *content["detector"]["files"].values(),
        ):
            path = bundle / record["file"]
            record.update(sha256=sha256_of(path), bytes=path.stat().st_size)

    edit_contract(bundle, change)


def _load(kind):
    """Imports what the openers import, once for all."""
    if kind == "network":
        import tf_sphereface.weights.graphs.reading  # noqa: F401
    elif kind in ("tflite", "bundle", "onnx"):
        import tf_sphereface.bundle.match
        import tf_sphereface.deployment.checking.bundle
        import tf_sphereface.evaluation.embeddings.sources  # noqa: F401
    else:
        from tf_sphereface.native_messages import load_tensorflow

        load_tensorflow()
        import tf_sphereface.embedding_models
        import tf_sphereface.weights.files.tensorflow_checkpoint  # noqa: F401


def _in_a_process(opener, path, requests):
    receiver, sender = multiprocessing.Pipe(duplex=False)
    child = os.fork()
    if not child:
        signal.alarm(_SECONDS)
        _silence()
        sandbox._run = requests
        try:
            opener(path)
            sender.send("opened")
        except InputError as error:
            sender.send("refused" if "\n" not in str(error) else f"raised: {error}")
        except BaseException as error:
            sender.send(f"raised: {type(error).__name__} {error}")
        os._exit(0)
    sender.close()
    _, status = os.waitpid(child, 0)
    status = os.waitstatus_to_exitcode(status)
    try:
        return receiver.recv() if status == 0 else f"died: {status}"
    except EOFError:
        return "died: without a word"
    finally:
        receiver.close()


def _start_zygote(kind):
    """A process that forks the processes with limits; gives what asks it for one."""
    import h5py
    import safetensors.numpy

    import tf_sphereface.foreign.hdf5_check
    import tf_sphereface.foreign.tflite_trial  # noqa: F401

    if kind == "network":
        import cv2
        import onnxruntime

        import tf_sphereface.data.synthetic
        import tf_sphereface.weights.graphs.onnx_file
        import tf_sphereface.weights.graphs.tflite_file  # noqa: F401

        assert cv2 and onnxruntime

    assert h5py and safetensors
    here, there = multiprocessing.Pipe()
    if not os.fork():
        here.close()
        _silence()
        while True:
            try:
                arguments, seconds = there.recv()
            except EOFError:
                os._exit(0)
            child = os.fork()
            if not child:
                signal.alarm(seconds)
                try:
                    status = sandbox._main(*arguments)
                except BaseException:
                    status = 1
                os._exit(status)
            there.send(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    there.close()

    def ask(arguments, seconds):
        here.send((arguments, seconds))
        return here.recv()

    return ask


def _silence():
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)


if __name__ == "__main__":
    main(*sys.argv[1:])
