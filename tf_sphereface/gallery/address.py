"""Places of galleries: paths of files, and addresses of PostgreSQL's databases."""

import dataclasses
import os
import re
from pathlib import Path
from urllib.parse import unquote

from tf_sphereface.errors import InputError

# Stricter than libpq, which takes the rest of a password with "/" or "@" for a host or
# a port, and names it in its messages.
_ADDRESS = re.compile(
    r"postgres(?:ql)?://"
    r"(?:(?P<user>[^:@/?#]*)(?::(?P<password>[^:@/?#]*))?@)?"
    r"(?P<hosts>(?:[^:@/?#,\[\]]|,|:\d+(?=[,/?]|$)|\[[0-9a-fA-F:.%]+\])*)"
    r"(?:/(?P<database>[^@/?#]*))?"
    r"(?:\?(?P<options>[^#]*))?"
)


@dataclasses.dataclass(frozen=True)
class ServerAddress:
    """Address of a PostgreSQL database. Its text has neither password nor options.

    Args:
        uri: All of it, as libpq takes it.
        shown: The text.
        password: As it is in the address, or None.
    """

    uri: str = dataclasses.field(repr=False)
    shown: str
    password: str | None = dataclasses.field(repr=False)

    def __str__(self) -> str:
        return self.shown

    def without_password(self, text: str) -> str:
        """A message of the server's, in one line and without the password."""
        for secret in filter(None, {self.password, unquote(self.password or "")}):
            text = text.replace(secret, "***")
        return " ".join(text.split())


def parse_place(place: str | os.PathLike | ServerAddress) -> Path | ServerAddress:
    """The place of a gallery: a path, or an address that begins with postgresql://.

    Raises: InputError if it is another address, or not one of PostgreSQL; the message
        does not repeat it, since it may hold a password.
    """
    if isinstance(place, ServerAddress):
        return place
    text = os.fspath(place)
    if not re.match(r"\w+:/", text):
        return Path(place)
    found = _ADDRESS.fullmatch(text)
    if found is None:
        raise InputError(
            "an address of a gallery must be postgresql://USER@HOST:PORT/DATABASE, a "
            "text; within a name or password / ? # @ : % are written %2F %3F %23 %40 "
            "%3A %25"
        )
    user, hosts, database = found["user"], found["hosts"], found["database"]
    options = re.findall(r"(\w+)=([^&]*)", found["options"] or "")
    for name, value in options:
        hosts = value if name == "host" and not hosts else hosts
    passwords = [value for name, value in options if name == "password"]
    return ServerAddress(
        uri=text,
        shown=f"postgresql://{user + '@' if user else ''}{hosts}/{database or ''}",
        password=found["password"] or (passwords[0] if passwords else None),
    )
