"""JSON that every reader reads alike: no key twice, no NaN, no endless nesting."""

import json


def require_plain_json(content: bytes) -> None:
    """Refuses JSON that readers understand differently.

    Of a key that is there twice some readers take the first value, some the last: a
    person and a program would see two contracts.

    Raises: ValueError, in one line.
    """
    try:
        json.loads(content.decode(), object_pairs_hook=_once, parse_constant=_no_number)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _once(pairs):
    seen = set()
    for key, _ in pairs:
        if key in seen:
            raise ValueError(f"the key {key!r} is there twice")
        seen.add(key)


def _no_number(name):
    raise ValueError(f"{name} is no number of JSON")
