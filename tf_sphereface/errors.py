"""The error that a user can mend: commands print it in one line and exit with 2."""


class InputError(ValueError):
    """Input that the user gave (a path, a photo, an option, a file) is unusable.

    The message says what must hold, what was received and, where there is one, the
    next step. Commands turn it into `error: MESSAGE` on stderr and exit status 2;
    any other exception is a defect of this library and keeps its traceback.
    """


class ResultError(RuntimeError):
    """Something ran, and its result must not be used.

    Commands print it in one line and end with 1.
    """


class NoFaceError(InputError):
    """A picture in which no face was found."""
