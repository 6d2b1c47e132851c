"""Processes that enrol or forget people until SIGKILL; a line of JSON for each.

The work is done by forks, since what takes long is the import of the libraries.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from tests.gallery.small_galleries import contents, new_store, template
from tf_sphereface.gallery.store import GalleryStore

PEOPLE = 60  # of each gallery that people are deleted from


def seeds(name):
    """Numbers of the three templates of a person."""
    number = int(name.rpartition(" ")[2])
    return [3 * number, 3 * number + 1, 3 * number + 2]


def enrol(path, say, first):
    with GalleryStore(path) as store:
        for number in range(first, first + 10_000):
            name = f"person number {number}"
            store.add(name, map(template, seeds(name)))
            say(name)


def forget(path, say, _):
    with GalleryStore(path) as store:
        for person in store.people():
            store.forget(person.name)
            say(person.name)


def run_until_killed(work, path, delay, first):
    """Names that the work told as done before it was killed."""
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        work(path, lambda name: os.write(send, f"{name}\n".encode()), first)
        os._exit(0)
    os.close(send)
    time.sleep(delay)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with open(receive) as told:
        return told.read().splitlines()


def torn(store):
    """People of whom some templates are missing, or other than they were."""
    wrong = []
    for person in store.people():
        found = [t.feature.tolist() for t in store.templates(person.name)]
        if found != [template(s).feature.tolist() for s in seeds(person.name)]:
            wrong.append(person.name)
    return wrong


def left(path, names):
    """Deleted people of whom a name or a template is in the files."""
    held = contents(path)
    return [
        name
        for name in names
        if name.encode() in held
        or any(template(seed).feature.tobytes() in held for seed in seeds(name))
    ]


def main(work, path, kills):
    path, chance, first = Path(path), random.Random(1), 1000
    for _ in range(int(kills)):
        names = [f"person number {number}" for number in range(1000, 1000 + PEOPLE)]
        if work == "forget":
            path.unlink(missing_ok=True)
        if not path.exists():
            new_store(path).close()
        if work == "forget":
            with GalleryStore(path) as store:
                store.add_people((name, map(template, seeds(name))) for name in names)
        does = {"enrol": enrol, "forget": forget}[work]
        told = run_until_killed(does, path, chance.uniform(0.02, 0.4), first)
        with GalleryStore(path) as store:
            found = [person.name for person in store.people()]
            first = 1000 + len(found)
            result = {"told": told, "found": found, "torn": torn(store)}
            result["left"] = left(path, set(names) - set(found))
        result["left"] += left(path, set(names) - set(found))
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
