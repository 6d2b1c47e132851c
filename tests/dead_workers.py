"""A pytest plugin: the death of a worker of pytest-xdist ends the run at once.

Without it, the other workers go on with the files that they have been given.
"""

import pytest


class DeadWorkers:
    """Stops the session of pytest-xdist's controller when a worker has died."""

    def __init__(self, session):
        self.session = session

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node, error):
        if error:
            self.session.shouldstop = f"worker {node.gateway.id} has died: {error}"


def pytest_sessionstart(session):
    session.config.pluginmanager.register(DeadWorkers(session), "dead-workers")
