"""The workers of a cluster meet before TensorFlow, which waits for them without end."""

import contextlib
import json
import socket
import time
from collections.abc import Mapping

from tf_sphereface.errors import InputError
from tf_sphereface.training.distribution.cluster import Cluster

_RETRY, _ANSWER = 0.2, 10.0  # seconds: between calls; for one message
_LONGEST = 1 << 16  # bytes of a message


def meet(cluster: Cluster, facts: Mapping[str, str], seconds: float) -> None:
    """Returns when all workers have come and have said the same.

    The chief listens at its address of TF_CONFIG until the others have called, and
    leaves the port to TensorFlow then.

    Args:
        cluster: The workers.
        facts: What all must have in common: short texts, by names for messages.
        seconds: For how long the others are waited for.

    Raises: InputError if one does not come, or says something else.
    """
    end = time.monotonic() + seconds
    if cluster.chief:
        _receive(cluster, dict(facts), seconds, end)
    else:
        _call(cluster, dict(facts), seconds, end)


def _receive(cluster, facts, seconds, end):
    callers = {}
    with contextlib.ExitStack() as open_sockets:
        listener = open_sockets.enter_context(cluster.listener())
        while missing := set(range(1, len(cluster.tasks))) - set(callers):
            listener.settimeout(max(end - time.monotonic(), 0.001))
            try:
                caller = open_sockets.enter_context(listener.accept()[0])
            except TimeoutError as error:
                names = ", ".join(cluster.name(index) for index in sorted(missing))
                raise InputError(
                    f"not all workers of TF_CONFIG came within {seconds:g} s; missing: "
                    f"{names}"
                ) from error
            # What else calls here, such as a scan of ports, is not answered.
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                message = _read(caller)
                if message["index"] in missing:
                    callers[message["index"]] = caller, message["facts"]
        difference = _difference(cluster, facts, callers)
        for caller, _ in callers.values():
            with contextlib.suppress(OSError):
                _write(caller, {"error": difference})
    if difference:
        raise InputError(difference)


def _call(cluster, facts, seconds, end):
    host, _, port = cluster.addresses[0].rpartition(":")
    while True:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            left = max(end - time.monotonic(), 0.001)
            with socket.create_connection((host.strip("[]"), int(port)), left) as chief:
                _write(chief, {"index": cluster.index, "facts": facts})
                chief.settimeout(max(end - time.monotonic(), 0.001))
                difference = _read(chief, None)["error"]
                break
        if time.monotonic() >= end:
            raise InputError(
                f"no answer from the chief of TF_CONFIG, {cluster.name(0)}, within "
                f"{seconds:g} s"
            )
        time.sleep(_RETRY)  # it may not have started yet
    if difference:
        raise InputError(difference)


def _difference(cluster, facts, callers):
    """An error's text if a worker has other facts than the chief."""
    for index, (_, theirs) in sorted(callers.items()):
        for name, value in facts.items():
            if theirs.get(name) != value:
                return (
                    f"all workers need the same {name}: {cluster.name(index)} has "
                    f"{theirs.get(name)}, the chief {value}"
                )
    return None


def _write(connection, message):
    connection.sendall(json.dumps(message).encode() + b"\n")


def _read(connection, seconds=_ANSWER):
    if seconds is not None:
        connection.settimeout(seconds)
    with connection.makefile("rb") as file:
        return json.loads(file.readline(_LONGEST))
