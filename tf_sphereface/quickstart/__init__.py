"""Photos to phone model in one call, for newcomers and to check an installation."""

from tf_sphereface.quickstart.end_to_end import QuickstartResult, run_quickstart

__all__ = ["QuickstartResult", "run_quickstart"]
