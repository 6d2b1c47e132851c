"""Tests for tf_sphereface.gallery.address."""

import pytest

from tf_sphereface.errors import InputError
from tf_sphereface.gallery.address import parse_place


@pytest.mark.parametrize(
    ("address", "shown", "password"),
    [
        ("postgresql://h/d", "postgresql://h/d", None),
        ("postgres://u@h:1234/d?sslmode=require", "postgresql://u@h:1234/d", None),
        ("postgresql://u:my%40pw@a:1,b:2/d", "postgresql://u@a:1,b:2/d", "my%40pw"),
        (
            "postgresql://u@[::1]:5/d?password=my-pw",
            "postgresql://u@[::1]:5/d",
            "my-pw",
        ),
        ("postgresql:///d?host=/tmp", "postgresql:///tmp/d", None),
        ("postgresql://", "postgresql:///", None),
    ],
)
def test_addresses_are_shown_without_passwords(address, shown, password):
    found = parse_place(address)
    assert (str(found), found.uri, found.password) == (shown, address, password)
    assert "my" not in repr(found) and parse_place(found) is found


def test_messages_have_no_password_however_it_is_written():
    found = parse_place("postgresql://u:my%40pw@h/d")
    said = found.without_password("FATAL: my@pw\n\tor my%40pw is not u's")
    assert said == "FATAL: *** or *** is not u's"


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://u:my/pw@h/d",  # libpq: the host u, the port my
        "postgresql://u:12/my-pw@h/d",
        "postgresql://u:my@pw@h/d",
        "postgresql://u:my-pw@h:port/d",
        "postgresql://u:my#pw@h/d",
        "postgresql:/u:my-pw@h/d",  # as a Path writes it
        "http://u:my-pw@h/d",
    ],
)
def test_other_addresses_are_refused_without_repeating_them(address):
    with pytest.raises(InputError, match="must be postgresql://USER@HOST") as error:
        parse_place(address)
    assert "my" not in str(error.value)
