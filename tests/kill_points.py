"""A process that runs commands in forks and kills them at a chosen change of the disk.

Forks, since what takes long is the import of the libraries. Run as a script, it takes
lines of JSON, a request each, and answers with a line.
"""

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys

# Python's audit events of renames, links and removals, and of what comes before them.
RENAMES = ("os.rename", "os.link", "os.symlink", "os.remove", "os.rmdir")
CHANGES = (*RENAMES, "os.mkdir", "open")
# Imports start no threads, which would be missing in a fork.
LIBRARIES = (
    "PIL.Image",
    "rich.progress",
    "sklearn.cluster",
    "tf_sphereface.data.photos.images",
    "tf_sphereface.commands.main",
    "tf_sphereface.evaluation.clustering.clustering",
    "tf_sphereface.evaluation.clustering.report",
)
NETWORKS = (
    "ai_edge_litert.interpreter",
    "matplotlib.backends.backend_svg",
    "matplotlib.figure",
    "sklearn.linear_model",
    "tensorflow",
    "tf_sphereface.data.alignment.align",
    "tf_sphereface.data.audit",
    "tf_sphereface.data.records.writer",
    "tf_sphereface.data.synthetic",
    "tf_sphereface.deployment.export",
    "tf_sphereface.evaluation.cleaning",
    "tf_sphereface.evaluation.stored.comparison",
    "tf_sphereface.evaluation.verification.pair_evaluator",
    "tf_sphereface.evaluation.verification.protocol",
    "tf_sphereface.training.trainer",
    "tf_sphereface.weights.importer",
    "tf_sphereface.weights.exporter",
)


class KillServer:
    """Runs `sphereface` commands, killed at a chosen point or not.

    Args:
        tensorflow: Whether TensorFlow is imported before the first fork.
    """

    def __init__(self, tensorflow=False):
        self._process = subprocess.Popen(
            [sys.executable, __file__, *(["tensorflow"] if tensorflow else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )

    def run(self, argv, folder, kill_at=0, kinds=CHANGES):
        """Runs a command in a folder, below which it and its temporary files lie.

        Args:
            argv: Of `sphereface`.
            folder: The working directory.
            kill_at: Number, from 1, of the change before which SIGKILL comes; 0: none.
            kinds: Of the changes that count.

        Returns: Exit status, -9 for a killed one; number of changes; stderr.
        """
        request = [list(map(str, argv)), str(folder), kill_at, kinds]
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self):
        self._process.communicate()


def _answer(argv, folder, kill_at, kinds):
    log = os.memfd_create("log")
    counts, sent = os.pipe()
    child = os.fork()
    if child == 0:
        _run(argv, folder, kill_at, kinds, log, sent)
    os.close(sent)
    _, status = os.waitpid(child, 0)
    with open(counts) as file:
        points = int(file.read() or 0)
    os.lseek(log, 0, os.SEEK_SET)
    with open(log, errors="replace") as file:
        errors = file.read()
    return os.waitstatus_to_exitcode(status), points, errors[-2000:]


def _run(argv, folder, kill_at, kinds, log, sent):
    from tf_sphereface.commands.main import main

    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(log, 2)
    os.chdir(folder)
    temporary = os.path.join(folder, "tmp")
    os.makedirs(temporary, exist_ok=True)
    os.environ["TMPDIR"] = temporary
    points, code = 0, 70
    written = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

    def watch(event, arguments):
        nonlocal points
        if event not in kinds:
            return
        if event == "open":
            path, _, flags = arguments
            outside = isinstance(path, int) or not _is_in(path, folder)
            if outside or not flags & written:
                return
        points += 1
        if points == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    with contextlib.suppress(BaseException):
        sys.addaudithook(watch)
        try:
            code = main(argv)
        except SystemExit as stop:
            code = stop.code
        except BaseException:
            import traceback

            traceback.print_exc()
    sys.stderr.flush()
    os.write(sent, str(points).encode())
    os._exit(code)


def _is_in(path, folder):
    path = os.path.join(folder, os.fsdecode(path))
    return os.path.commonpath([path, folder]) == folder


if __name__ == "__main__":
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    for name in (*LIBRARIES, *(NETWORKS if "tensorflow" in sys.argv else ())):
        importlib.import_module(name)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        answers.write(json.dumps(_answer(*json.loads(line))) + "\n")
        answers.flush()
