"""The whole road in one call, for newcomers and for a check of the installation."""

from tf_sphereface.quickstart.road import QuickstartResult, run_quickstart

__all__ = ["QuickstartResult", "run_quickstart"]
