"""Damaged files: any bytes give a result or an `InputError`, and nothing else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tf_sphereface.errors import InputError

# The few run with all tests, the many with `make test-slow`.
CASES = pytest.mark.parametrize(
    "cases", [50, pytest.param(1000, marks=pytest.mark.slow)]
)
_LENGTHS = [b"", b"\xff" * 4, b"\xff" * 8, b"\0" * 8]


def mutations(whole, interesting=()):
    """Any bytes, and a whole file with some of it cut out, replaced or doubled.

    Args:
        whole: The sound file.
        interesting: Bytes that mean something in this format.
    """
    pieces = st.sampled_from([*_LENGTHS, *interesting]) | st.binary(max_size=9)

    @st.composite
    def mutated(draw):
        content = bytearray(whole)
        for _ in range(draw(st.integers(1, 4))):
            at = draw(st.integers(0, len(content)))
            end = min(len(content), at + draw(st.integers(0, 9)))
            content[at:end] = draw(pieces)
        return bytes(content)

    return st.binary(max_size=300) | mutated()


def check_reader(cases, contents, read):
    """Calls `read` with `cases` contents; some must have a result, some be refused."""
    counts = {"results": 0, "refused": 0}

    @settings(max_examples=cases, deadline=None, database=None, derandomize=True)
    @given(contents)
    def check(content):
        try:
            read(content)
            counts["results"] += 1
        except InputError as error:
            assert str(error)
            counts["refused"] += 1

    check()
    assert counts["results"] > 0  # the fuzz gets beyond the first check
    assert counts["refused"] > 0
