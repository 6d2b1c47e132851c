"""Tests for tf_sphereface.data.photos.decoder_warnings."""

import warnings

import pytest

from tf_sphereface.data.photos.decoder_warnings import DecoderWarningsIgnored


def warn_of(module):
    warnings.warn_explicit("odd", UserWarning, "file.py", 1, module=module)


def test_decoders_are_quiet_and_others_are_heard():
    with DecoderWarningsIgnored():
        warn_of("PIL.TiffImagePlugin")
        warn_of("pillow_heif.heif")
        for other in ("keras.layers", "PILOT.reader"):
            with pytest.raises(UserWarning, match="odd"):
                warn_of(other)
    with pytest.raises(UserWarning, match="odd"):
        warn_of("PIL.TiffImagePlugin")


def test_threads_that_overlap_leave_the_filters_as_they_were():
    before, ignored = list(warnings.filters), DecoderWarningsIgnored()
    for _ in range(2):
        ignored.__enter__()
    assert len(warnings.filters) == len(before) + 1
    ignored.__exit__(None, None, None)
    warn_of("PIL.TiffImagePlugin")  # one photo is still open
    ignored.__exit__(None, None, None)
    assert list(warnings.filters) == before


def test_filters_of_the_caller_may_end_first():
    before, ignored = list(warnings.filters), DecoderWarningsIgnored()
    with warnings.catch_warnings():
        ignored.__enter__()
    ignored.__exit__(None, None, None)
    assert list(warnings.filters) == before
