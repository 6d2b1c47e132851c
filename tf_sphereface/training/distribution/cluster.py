"""The machines of a training, from TF_CONFIG."""

import dataclasses
import errno
import json
import os
import re
import socket
from collections.abc import Mapping

from tf_sphereface.errors import InputError

_VARIABLE = "TF_CONFIG"
_JOBS = ("chief", "worker")
_ADDRESS = re.compile(r"(?P<host>[^\s:]+|\[[0-9a-fA-F:]+\]):(?P<port>[0-9]{1,5})")


@dataclasses.dataclass(frozen=True)
class Cluster:
    """Workers that train together; the first one is the chief, which writes.

    Args:
        tasks: Job and number of each worker in TensorFlow's names, such as
            ("worker", 0).
        addresses: "host:port" of each.
        index: Which of them this process is.
    """

    tasks: tuple[tuple[str, int], ...]
    addresses: tuple[str, ...]
    index: int

    @property
    def chief(self) -> bool:
        """True for the worker that writes."""
        return self.index == 0

    def name(self, index: int) -> str:
        """A worker in messages: its number and address."""
        return f"worker {index} ({self.addresses[index]})"

    def listener(self) -> socket.socket:
        """A socket that listens at this worker's port.

        Raises: InputError if another process has the port.
        """
        port = int(self.addresses[self.index].rpartition(":")[2])
        listener = socket.socket()
        try:
            # Connections of an earlier training may still be closing.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("", port))
            listener.listen()
        except OSError as error:
            listener.close()
            reason = "is taken on this machine"
            if error.errno != errno.EADDRINUSE:
                reason = f"cannot be used: {os.strerror(error.errno or errno.EIO)}"
            raise InputError(
                f"{_VARIABLE}: port {port} of {self.name(self.index)} {reason}"
            ) from error
        return listener


def read_cluster(environment: Mapping[str, str] = os.environ) -> Cluster | None:
    """The cluster that TF_CONFIG names; None if it is not set or has one worker.

    Raises: InputError if it cannot be used.
    """
    text = environment.get(_VARIABLE, "")
    if not text.strip():
        return None
    try:
        settings = json.loads(text)
    except ValueError as error:
        raise InputError(f"{_VARIABLE} must be JSON: {error}") from error
    if not isinstance(settings, dict):
        raise InputError(f"{_VARIABLE} must be a JSON object. Received: {text}")
    tasks, addresses = _workers(settings.get("cluster"))
    if not tasks:
        return None
    index = _place(settings.get("task"), tasks)
    if len(tasks) == 1:
        return None
    return Cluster(tuple(tasks), tuple(addresses), index)


def _workers(jobs) -> tuple[list[tuple[str, int]], list[str]]:
    jobs = {} if jobs is None else jobs
    known = isinstance(jobs, dict)
    if not known or not all(isinstance(part, list) for part in jobs.values()):
        raise InputError(
            f"{_VARIABLE}: `cluster` must be lists of addresses by job, such as "
            f'{{"worker": ["host:port", ...]}}. Received: {jobs!r}'
        )
    if others := sorted(set(jobs) - set(_JOBS)):
        raise InputError(
            f"{_VARIABLE}: `cluster` may have the jobs chief and worker. "
            f"Received: {', '.join(others)}"
        )
    if len(jobs.get("chief", [])) > 1:
        raise InputError(f"{_VARIABLE}: `cluster` may have one chief")
    tasks = [(job, number) for job in _JOBS for number in range(len(jobs.get(job, [])))]
    addresses = [jobs[job][number] for job, number in tasks]
    for address in addresses:
        match = _ADDRESS.fullmatch(address) if isinstance(address, str) else None
        if match is None or not 0 < int(match["port"]) < 1 << 16:
            raise InputError(
                f"{_VARIABLE}: an address must be host:port. Received: {address!r}"
            )
    if len(set(addresses)) < len(addresses):
        raise InputError(f"{_VARIABLE}: two workers have the same address")
    return tasks, addresses


def _place(task, tasks: list[tuple[str, int]]) -> int:
    known = ", ".join(f"{job} {number}" for job, number in tasks)
    needs = f"{_VARIABLE}: `task` must have the type and index of one of: {known}. "
    if not isinstance(task, dict) or not {"type", "index"} <= task.keys():
        raise InputError(f"{needs}Received: {json.dumps(task)}")
    number = task["index"]
    if isinstance(number, str) and number.isdecimal():
        number = int(number)
    if isinstance(number, bool) or (task["type"], number) not in tasks:
        raise InputError(f"{needs}Received: {json.dumps(task)}")
    return tasks.index((task["type"], number))
