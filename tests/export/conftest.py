"""What the tests of the export scripts share."""

import pytest

from tests.deployment.export_fixtures import detectors, one_detector

__all__ = ["detectors", "one_detector"]


@pytest.fixture(autouse=True)
def quick_detector(one_detector):
    """Runs in this process compare no detector; those of new processes do."""
