"""The `sphereface` command: finds the subcommand and calls it."""

import contextlib
import importlib
import os
import sys

from tf_sphereface import __version__
from tf_sphereface.commands.terminal.messages import tell
from tf_sphereface.native_messages import use_keras_defaults

COMMANDS = {
    "quickstart": "photos to phone model on built-in synthetic faces, no download",
    "synthesize": "render photos of made-up people",
    "align": "detect and align faces: photo folders to crops and a manifest",
    "audit": "show an aligned collection on one page",
    "clean": "propose wrong labels and duplicates to leave out",
    "records": "pack aligned faces into TFRecord files for training",
    "recipes": "list the training recipes that ship with the package",
    "train": "train by a recipe on records; resumes an interrupted run",
    "report": "show a training on one page: curves, warnings, hardest people",
    "quantization-train": "train on with 8 bits, pruning or clustering: smaller files",
    "import-weights": "make a Keras model of published weights (Caffe, PyTorch, ...)",
    "export-weights": "write a model's weights as safetensors under PyTorch's names",
    "export": "convert a model for phones (TFLite bundle) or servers",
    "pairs": "draw a pair list for the LFW protocol from aligned faces",
    "embed": "embed aligned faces with a model, into a .npz file",
    "evaluate": "score a model, or any embeddings, under a published protocol",
    "compare": "compare reports of several models on one page",
    "cluster": "sort faces into people without names",
    "calibrate": "measure a bundle's thresholds and probabilities on pairs",
    "bundle": "check a bundle against its contract, or show its variants",
    "match": "compare the faces of two photos with a bundle",
    "find": "find the photos of a folder that show a person",
    "enroll": "enrol people in a gallery, from photos",
    "identify": "name the faces of photos by the people of a gallery",
    "people": "list the people of a gallery, or export it",
    "forget": "delete people from a gallery for good",
    "demo": "enrol and recognise people on a web page, in a browser or on a phone",
}

# Commands in a package below this one.
_PACKAGES = dict.fromkeys(("find", "enroll", "identify", "people", "forget"), "gallery")


def module_of(name: str) -> str:
    """The module of a command."""
    parts = (__package__, _PACKAGES.get(name), name.replace("-", "_"))
    return ".".join(filter(None, parts))


def usage() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {text}" for name, text in COMMANDS.items()]
    return "\n".join(
        [
            "usage: sphereface COMMAND [options]",
            "",
            "From photos to a model that matches faces on a phone.",
            "",
            "commands:",
            *lines,
            "",
            "`sphereface COMMAND --help` shows the options of a command.",
        ]
    )


def main(argv: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if argv is None else argv
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(usage())
        return 0 if arguments else 2
    if arguments[0] == "--version":
        print(f"tf_sphereface {__version__}")
        return 0
    name, *rest = arguments
    if name not in COMMANDS:
        tell(
            f"error: no command {name!r}; `sphereface --help` lists them",
        )
        return 2
    use_keras_defaults()
    command = importlib.import_module(module_of(name))
    with contextlib.suppress(AttributeError):  # a stdout that a program put there
        # Paths may hold bytes that are no text, and a stdout may not know all letters.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = command.main(rest)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        tell("interrupted")
        return 130


if __name__ == "__main__":
    sys.exit(main())
