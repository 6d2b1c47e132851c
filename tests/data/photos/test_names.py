"""Tests for tf_sphereface.data.photos.names."""

import pytest

from tf_sphereface.data.photos.names import (
    check_name,
    identity_of,
    refuse_merging,
    split_name,
)
from tf_sphereface.errors import InputError


@pytest.mark.parametrize("name", ["Ann/1.jpg", "Ann Lee/1#2.jpg", "李/é..jpg"])
def test_a_name_of_an_identity_and_a_file_is_taken(name):
    check_name(name)
    assert "/".join(split_name(name)) == name
    assert identity_of(name) == name[: name.index("/")]


@pytest.mark.parametrize(
    "name",
    [
        *("", "1.jpg", "/1.jpg", "Ann/", "Ann/b/1.jpg", "/Ann/1.jpg", "Ann//1.jpg"),
        *("../1.jpg", "Ann/..", "./1.jpg", "Ann/.1.jpg", ".Ann/1.jpg"),
        *("Ann\\..\\..\\x/1.jpg", "Ann/..\\1.jpg", "C:\\Ann/1.jpg"),
        *("Ann/1\n.jpg", "An\tn/1.jpg", "Ann/\0.jpg", "Ann/\x1b[2J.jpg", "Ann/\ud800"),
        *("manifest.csv/1.jpg", "Align.JSON/1.jpg"),
    ],
)
def test_a_name_that_no_folder_of_people_can_have_is_refused(name):
    with pytest.raises(InputError) as caught:
        check_name(name)
    assert "\n" not in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_name_in_an_older_encoding_is_to_be_renamed():
    with pytest.raises(InputError, match=r"'caf\\udce9' \(identities\); rename it"):
        refuse_merging(["caf\udce9"], "identities")
