"""Tests for tf_sphereface.deployment.samples."""

import numpy as np
import pytest
from PIL import Image

from tf_sphereface.deployment.samples import read_samples, rendered_samples
from tf_sphereface.errors import InputError
from tf_sphereface.preprocessing import PixelContract

SMALL = PixelContract(4, 4)


def folder(tmp_path, counts):
    """Person P's crop N is grey of P * 10 + N."""
    for person, count in enumerate(counts):
        place = tmp_path / f"person{person:02d}"
        place.mkdir(parents=True)
        for number in range(count):
            crop = np.full((4, 4, 3), person * 10 + number, np.uint8)
            Image.fromarray(crop).save(place / f"{number}.png")
    return tmp_path


def greys(crops):
    return crops[:, 0, 0, 0].tolist()


def test_people_are_taken_in_turn_and_every_fifth_is_held_out(tmp_path):
    samples = read_samples(folder(tmp_path, [9, 3, 1, 2, 2, 2]), SMALL, 8)
    # People 0 and 5 are held out; 1, 2, 3, 4 give their first crops, then their second.
    # The others give two at a time, so that there are probes among the first 400.
    assert greys(samples.representative) == [10, 20, 30, 40, 11, 31, 41, 12]
    assert greys(samples.compared) == [0, 1, 50, 51, 2, 3, 4, 5, 6, 7, 8]
    same = samples.people[:, None] == samples.people
    grey = np.array(greys(samples.compared)) // 10
    np.testing.assert_array_equal(same, grey[:, None] == grey)
    record = samples.record
    assert (record.representative, record.representative_people) == (8, 4)
    assert (record.compared, record.compared_people) == (11, 2)
    assert record.rendered is False


def test_too_few_crops_are_counted_in_the_error(tmp_path):
    few = folder(tmp_path / "few", [8, 3, 3])
    with pytest.raises(
        InputError,
        match="6 of 2 people .* 7 are needed .*--representative .* 8 of 1 other",
    ):
        read_samples(few, SMALL, 7)
    assert len(read_samples(few, SMALL, 6).representative) == 6
    assert len(read_samples(few, SMALL, 0).representative) == 0
    with pytest.raises(InputError, match="6 of 2 people .* 8 are needed"):
        read_samples(few, SMALL, None)
    more = folder(tmp_path / "more", [8, 5, 4])
    assert len(read_samples(more, SMALL, None).representative) == 9
    with pytest.raises(InputError, match="7 of 1 other people .* 8 are needed"):
        read_samples(folder(tmp_path / "fewer", [7, 30]), SMALL, 1)
    with pytest.raises(InputError, match="no such folder of aligned faces"):
        read_samples(tmp_path / "missing", SMALL, 1)


def test_crop_of_another_size_is_refused(tmp_path):
    place = folder(tmp_path, [8, 8])
    with pytest.raises(InputError, match="not an aligned face of 5 x 4 pixels"):
        read_samples(place, PixelContract(5, 4), 1)


@pytest.mark.slow
def test_rendered_people_are_apart_and_the_same_each_time():
    first, second = (rendered_samples(PixelContract(), count) for count in (4, 6))
    np.testing.assert_array_equal(first.compared, second.compared)
    np.testing.assert_array_equal(first.representative, second.representative[:4])
    assert first.record.rendered
    assert (first.record.representative, first.record.representative_people) == (4, 2)
    assert first.record.compared_people == len(np.unique(first.people)) == 32
    compared = {crop.tobytes() for crop in first.compared}
    assert not compared & {crop.tobytes() for crop in first.representative}
