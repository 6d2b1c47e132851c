"""Error handling of all commands: one line on stderr and an exit status."""

import functools
import logging
from collections.abc import Callable

from tf_sphereface.commands.terminal.messages import tell
from tf_sphereface.errors import InputError, ResultError

_Main = Callable[[list[str] | None], int]


def reports_errors(main: _Main) -> _Main:
    """A command's `main` whose errors are `error: MESSAGE` on stderr.

    Input that is unusable and files that cannot be read or written end with 2, training
    that diverged and exports that are not the model with 1. Any other exception is a
    defect and keeps its traceback. What the library logs is `note: MESSAGE`.
    """

    @functools.wraps(main)
    def reporting(argv: list[str] | None = None) -> int:
        notes = _Notes()
        logger = logging.getLogger("tf_sphereface")
        logger.addHandler(notes)
        try:
            return main(argv)
        except BrokenPipeError:  # of stdout, and no error: commands.main sees to it
            raise
        except (InputError, OSError) as error:
            tell(f"error: {error}")
            return 2
        except (FloatingPointError, ResultError) as error:
            tell(f"error: {error}")
            return 1
        finally:
            logger.removeHandler(notes)

    return reporting


class _Notes(logging.Handler):
    def emit(self, record):
        tell(f"note: {record.getMessage()}")
