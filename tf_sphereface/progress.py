"""Types of the functions that long work reports its progress to."""

from collections.abc import Callable
from contextlib import AbstractContextManager

# Called with the number done and the number to do.
Progress = Callable[[int, int], None]
# Of a title and a unit: shows the progress while the context is open.
ProgressBar = Callable[[str, str], AbstractContextManager[Progress]]
