"""TF_CONFIG, and workers that meet before TensorFlow starts."""

import json
import socket
import threading

import pytest
import tensorflow as tf

from tf_sphereface.commands.train import main
from tf_sphereface.errors import InputError
from tf_sphereface.training.distribution.cluster import read_cluster
from tf_sphereface.training.distribution.rendezvous import meet
from tf_sphereface.training.distribution.workers import LostWorkerError, Workers

TWO = {"worker": ["one:4711", "two:4711"]}


def settings(cluster=None, **task):
    text = json.dumps({"cluster": cluster or TWO, "task": task or None})
    return {"TF_CONFIG": text}


def test_the_chief_is_the_first_of_all_workers():
    cluster = {"worker": ["one:1", "two:2"], "chief": ["zero:3"]}
    found = read_cluster(settings(cluster, type="worker", index="1"))
    assert found.tasks == (("chief", 0), ("worker", 0), ("worker", 1))
    assert found.addresses == ("zero:3", "one:1", "two:2")
    assert (found.index, found.chief) == (2, False)
    assert found.name(1) == "worker 1 (one:1)"
    assert read_cluster(settings(cluster, type="chief", index=0)).chief
    assert read_cluster(settings(type="worker", index=0)).chief


@pytest.mark.parametrize("text", ["", " ", "{}", '{"environment": "cloud"}'])
def test_without_workers_there_is_no_cluster(text):
    assert read_cluster({"TF_CONFIG": text}) is None
    assert read_cluster({}) is None
    alone = {"worker": ["one:4711"]}
    assert read_cluster(settings(alone, type="worker", index=0)) is None


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"TF_CONFIG": "{worker"}, "TF_CONFIG must be JSON: "),
        ({"TF_CONFIG": "[1]"}, r"must be a JSON object. Received: \[1\]"),
        (settings(["one:1"]), "`cluster` must be lists of addresses by job"),
        (settings({"worker": "one:1"}), "`cluster` must be lists of addresses by job"),
        (settings({**TWO, "ps": ["x:1"]}), "jobs chief and worker. Received: ps"),
        (settings({"chief": ["a:1", "b:1"]}), "may have one chief"),
        (settings({"worker": ["one", "two:2"]}), "must be host:port. Received: 'one'"),
        (settings({"worker": ["one:70000"]}), "must be host:port"),
        (settings({"worker": [7, "two:2"]}), "must be host:port. Received: 7"),
        (settings({"worker": ["one:1", "one:1"]}), "two workers have the same address"),
        (settings(), "`task` must have .*: worker 0, worker 1. Received: null"),
        (settings(type="worker"), "`task` must have the type and index"),
        (settings(type="worker", index=2), "`task` must have the type and index"),
        (settings(type="worker", index=True), "`task` must have the type and index"),
        (settings(type="chief", index=0), "`task` must have the type and index"),
    ],
)
def test_what_cannot_be_a_cluster_is_named(bad, message):
    with pytest.raises(InputError, match=message):
        read_cluster(bad)


def test_a_bad_setting_is_one_line_and_exit_2(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TF_CONFIG", "{worker")
    command = ["quickstart", "--records", str(tmp_path), "--run", str(tmp_path / "run")]
    assert main(command) == 2
    assert capsys.readouterr().err.startswith("error: TF_CONFIG must be JSON")
    assert not (tmp_path / "run").exists()


def test_a_trial_is_for_one_machine(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TF_CONFIG", settings(type="worker", index=0)["TF_CONFIG"])
    assert main(["quickstart", "--records", str(tmp_path), "--dry-run"]) == 2
    error = capsys.readouterr().err
    assert error == "error: --dry-run is for one machine: unset TF_CONFIG\n"


def clusters(count):
    """Those of processes on this machine, at ports that are free."""
    with_ports = [socket.create_server(("localhost", 0)) for _ in range(count)]
    addresses = [f"localhost:{each.getsockname()[1]}" for each in with_ports]
    for each in with_ports:
        each.close()
    return [
        read_cluster(settings({"worker": addresses}, type="worker", index=index))
        for index in range(count)
    ]


def meet_all(parts, facts, seconds=10.0):
    """Errors' texts by worker, None where there is none."""
    told = {}

    def run(cluster):
        try:
            meet(cluster, facts[cluster.index], seconds)
            told[cluster.index] = None
        except InputError as error:
            told[cluster.index] = str(error)

    threads = [threading.Thread(target=run, args=[part]) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return told


def test_workers_meet_whoever_comes_first_and_whatever_else_calls():
    parts = clusters(3)
    port = int(parts[0].addresses[0].rpartition(":")[2])
    stop = threading.Event()

    def scan():
        while not stop.wait(0.01):
            try:
                with socket.create_connection(("localhost", port), 1) as stranger:
                    stranger.sendall(b"GET / HTTP/1.1\n")
            except OSError:
                pass

    scanner = threading.Thread(target=scan)
    scanner.start()
    told = meet_all(parts[::-1], [{"recipe": "a"}] * 3)
    stop.set()
    scanner.join()
    assert told == {0: None, 1: None, 2: None}
    parts[0].listener().close()  # the port is TensorFlow's now


def test_all_are_told_of_another_recipe():
    parts = clusters(3)
    facts = [{"recipe": "a", "records": "r"} for _ in parts]
    facts[2]["recipe"] = "b"
    told = meet_all(parts, facts)
    expected = (
        f"all workers need the same recipe: {parts[0].name(2)} has b, the chief a"
    )
    assert told == dict.fromkeys(range(3), expected)


def test_workers_that_do_not_come_are_named_in_time():
    parts = clusters(3)
    told = meet_all(parts[:2], [{}] * 3, seconds=0.6)
    assert told[0] == (
        f"not all workers of TF_CONFIG came within 0.6 s; missing: {parts[0].name(2)}"
    )
    assert told[1].startswith("no answer from the chief of TF_CONFIG, worker 0 (")
    alone = meet_all(parts[1:], [{}] * 3, seconds=0.3)
    assert all(text.startswith("no answer from the chief") for text in alone.values())


def test_a_port_that_is_taken_is_named():
    (cluster, _) = clusters(2)
    port = int(cluster.addresses[0].rpartition(":")[2])
    with (
        socket.create_server(("", port)),
        pytest.raises(InputError, match=f"port {port} of worker 0 .* is taken on this"),
    ):
        cluster.listener()


THREE = {"worker": ["one:1", "two:2", "three:3"]}
ABORTED = "{{node x}} Collective ops is aborted by: "
UNHEALTHY = (
    "Error reported from /job:worker/task:0: The following tasks are unhealthy "
    "(stopped sending heartbeats):\n/job:worker/replica:0/task:2\nThe tasks have "
    "crashed."
)
REMOTE = "Socket closed\nfrom remote target /job:worker/replica:0/task:2 while calling"
GONE = "worker 2 (three:3) has ended or cannot be reached; start all workers again"


@pytest.mark.parametrize(
    ("index", "message", "told"),
    [
        (1, UNHEALTHY, GONE),
        (1, REMOTE, GONE),
        (0, "node on /job:worker/replica:0/task:0: " + REMOTE, GONE),
        (
            1,
            "Error reported from /job:worker/task:2: tf_sphereface: no space",
            "worker 2 (three:3) ended: no space",
        ),
        (  # by an operation of the worker that ended, and not by the service
            1,
            ABORTED + "tf_sphereface: no space\nRestart.\nAdditional information from "
            "remote target /job:worker/replica:0/task:2 while calling: tf_sphereface: "
            "no space\\nRestart.",
            "worker 2 (three:3) ended: no space",
        ),
        (
            2,
            "no heartbeat of /job:worker/replica:0/task:2",
            "worker 0 (one:1) has ended",
        ),
        (0, "on /job:worker/replica:0/task:0", "another worker has ended or cannot"),
    ],
)
def test_tensorflows_errors_name_the_worker_that_is_lost(index, message, told):
    cluster = read_cluster(settings(THREE, type="worker", index=index))
    workers = Workers(None, cluster)
    with pytest.raises(LostWorkerError) as caught, workers.naming_lost():
        raise tf.errors.InternalError(None, None, ABORTED + message)
    assert str(caught.value).startswith(told)


def test_other_errors_and_those_of_one_process_are_left_alone():
    cluster = read_cluster(settings(type="worker", index=0))
    mistake = tf.errors.InvalidArgumentError(None, None, "shapes differ")
    with (
        pytest.raises(tf.errors.InvalidArgumentError),
        Workers(None, cluster).naming_lost(),
    ):
        raise mistake
    aborted = tf.errors.UnavailableError(None, None, ABORTED)
    with pytest.raises(tf.errors.UnavailableError), Workers(None).naming_lost():
        raise aborted


def test_one_process_is_its_own_chief():
    alone = Workers(None)
    assert (alone.chief, alone.several, alone.share.count) == (True, False, 1)
    assert (alone.any_of(True), alone.any_of(False)) == (True, False)
    assert alone.from_chief(["state"]) == ["state"]
