"""The world of all commands, which takes a minute, for the slow tests that break it."""

import pytest

from tests.commands.every_command import make_world
from tests.gallery.rendered_commands import call, folder  # noqa: F401
from tests.kill_points import KillServer


@pytest.fixture(scope="session")
def server():
    server = KillServer(tensorflow=True)
    yield server
    server.close()


@pytest.fixture(scope="session")
def world(server, tmp_path_factory):
    """A folder with the outputs of all commands; to be copied."""
    return make_world(server, tmp_path_factory.mktemp("world"))
