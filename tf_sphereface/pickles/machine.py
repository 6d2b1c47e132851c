"""The instructions of pickles that make data, without those that run what is named.

Reference: the comments of CPython's pickletools.py; protocols 0 to 5.
"""

import re
import struct

from tf_sphereface.pickles.vocabulary import Name, RefusedPickleError

_LONGEST_NUMBER = 20  # digits or bytes; no count or flag is longer
_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|.)", re.DOTALL)
_ESCAPED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"\\": b"\\", b"'": b"'", b'"': b'"'}
_MARK = object()
_KEY_TYPES = (str, bytes, int, float, bool, type(None))


class Machine:
    """Reads the pickle that begins at byte `start` of `content`."""

    def __init__(self, content, vocabulary, start):
        self._content = content
        self._vocabulary = vocabulary
        self.end = start
        self.start = 0  # of the instruction at work
        self._stack = []
        self._memo = {}
        self._encoded = 0  # bytes made of texts: each text is encoded once

    def run(self):
        while True:
            self.start = self.end
            code = self._take(1)
            if code == b".":
                return self._stack.pop()
            action = _ACTIONS.get(code)
            if action is None and self._vocabulary.dicts:
                action = _DICT_ACTIONS.get(code)
            if action is None:
                raise RefusedPickleError(f"instruction {code!r}")
            action(self)

    def _take(self, length):
        end = self.end + length
        if end > len(self._content):
            raise ValueError("the file ends early")
        taken, self.end = self._content[self.end : end], end
        return taken

    def _number(self, form):
        return struct.unpack(form, self._take(struct.calcsize(form)))[0]

    def _line(self):
        end = self._content.index(b"\n", self.end)
        line = self._content[self.end : end]
        self.end = end + 1
        return line

    def _push(self, value):
        self._stack.append(value)

    def _push_bytes(self, form):
        self._push(self._take(self._number(form)))

    def _push_text(self, form):
        self._push(self._take(self._number(form)).decode("utf-8", "surrogatepass"))

    def _push_integer(self, content):
        if len(content) > _LONGEST_NUMBER:
            raise ValueError("too long a number")
        self._push(int.from_bytes(content, "little", signed=True))

    def _push_integer_line(self):
        line = self._line()
        if line in (b"00", b"01"):  # how protocol 0 writes False and True
            self._push(line == b"01")
        elif len(line) > _LONGEST_NUMBER:
            raise ValueError("too long a number")
        else:
            self._push(int(line.removesuffix(b"L")))

    def _push_string_line(self):
        line = self._line()
        if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in (b"'", b'"'):
            raise ValueError("no quotes")
        self._push(_ESCAPE.sub(_unescape, line[1:-1]))

    def _from_mark(self):
        """Takes all that lies above the last mark, and the mark."""
        position = len(self._stack) - 1
        while self._stack[position] is not _MARK:
            position -= 1
            if position < 0:
                raise ValueError("no mark")
        taken = self._stack[position + 1 :]
        del self._stack[position:]
        return taken

    def _last(self, count):
        if len(self._stack) < count or _MARK in self._stack[-count:]:
            raise ValueError("too few values")
        taken = self._stack[-count:]
        del self._stack[-count:]
        return tuple(taken)

    def _extend(self, values):
        target = self._stack[-1]
        if type(target) is not list:
            raise ValueError("no list")
        target.extend(values)

    def _put(self, key):
        if self._stack[-1] is _MARK:
            raise ValueError("nothing to remember")
        self._memo[key] = self._stack[-1]

    def _name(self, module, name):
        full = Name(f"{module}.{name}")
        if full not in self._vocabulary.calls and full not in self._vocabulary.names:
            raise RefusedPickleError(f"the name {str(full)!r}")
        self._push(full)

    def _name_lines(self):
        self._name(self._line().decode("ascii"), self._line().decode("ascii"))

    def _name_texts(self):
        module, name = self._last(2)
        if type(module) is not str or type(name) is not str:
            raise ValueError("no name")
        self._name(module, name)

    def _call(self):
        name, arguments = self._last(2)
        if type(name) is not Name or name not in self._vocabulary.calls:
            raise RefusedPickleError("a call of something that is no function")
        if type(arguments) is not tuple:
            raise ValueError("no arguments")
        made = self._vocabulary.calls[name](arguments)
        if type(made) is bytes:
            self._encoded += len(made)
            if self._encoded > len(self._content):
                raise RefusedPickleError("one text many times over")
        self._push(made)

    def _build(self):
        (state,) = self._last(1)
        if self._stack[-1] is _MARK:
            raise ValueError("nothing to build")
        self._vocabulary.build(self._stack[-1], state)

    def _set_items(self, items):
        target = self._stack[-1]
        if type(target) is not dict or len(items) % 2:
            raise ValueError("no dict, or a key without a value")
        for key, value in zip(items[::2], items[1::2], strict=True):
            # Others may be so deeply nested that to hash them overflows C's stack.
            if type(key) not in _KEY_TYPES:
                raise RefusedPickleError("a key that is no text or number")
            target[key] = value

    def _push_dict(self, items):
        self._push({})
        self._set_items(items)

    def _persistent(self):
        if self._vocabulary.persistent is None:
            raise RefusedPickleError("a persistent id")
        (identifier,) = self._last(1)
        self._push(self._vocabulary.persistent(identifier))


def _unescape(match):
    code = match.group(1)
    if len(code) == 3:
        return bytes([int(code[1:], 16)])
    return _ESCAPED[code]


_ACTIONS = {
    b"\x80": lambda m: m._take(1),  # PROTO
    b"\x95": lambda m: m._take(8),  # FRAME: a hint for buffered readers
    b"(": lambda m: m._push(_MARK),
    b"0": lambda m: m._stack.pop(),
    b"1": lambda m: m._from_mark(),
    b"2": lambda m: m._push(m._stack[-1]),
    b"]": lambda m: m._push([]),
    b"l": lambda m: m._push(m._from_mark()),
    b"a": lambda m: m._extend(m._last(1)),
    b"e": lambda m: m._extend(m._from_mark()),
    b")": lambda m: m._push(()),
    b"t": lambda m: m._push(tuple(m._from_mark())),
    b"\x85": lambda m: m._push(m._last(1)),
    b"\x86": lambda m: m._push(m._last(2)),
    b"\x87": lambda m: m._push(m._last(3)),
    b"N": lambda m: m._push(None),
    b"\x88": lambda m: m._push(True),
    b"\x89": lambda m: m._push(False),
    b"I": lambda m: m._push_integer_line(),
    b"L": lambda m: m._push_integer_line(),
    b"J": lambda m: m._push(m._number("<i")),
    b"K": lambda m: m._push(m._number("<B")),
    b"M": lambda m: m._push(m._number("<H")),
    b"\x8a": lambda m: m._push_integer(m._take(m._number("<B"))),
    b"\x8b": lambda m: m._push_integer(m._take(m._number("<I"))),
    b"S": lambda m: m._push_string_line(),
    b"T": lambda m: m._push_bytes("<I"),
    b"U": lambda m: m._push_bytes("<B"),
    b"B": lambda m: m._push_bytes("<I"),
    b"C": lambda m: m._push_bytes("<B"),
    b"\x8e": lambda m: m._push_bytes("<Q"),
    b"V": lambda m: m._push(m._line().decode("raw-unicode-escape")),
    b"X": lambda m: m._push_text("<I"),
    b"\x8c": lambda m: m._push_text("<B"),
    b"\x8d": lambda m: m._push_text("<Q"),
    b"p": lambda m: m._put(m._line()),
    b"q": lambda m: m._put(b"%d" % m._number("<B")),
    b"r": lambda m: m._put(b"%d" % m._number("<I")),
    b"\x94": lambda m: m._put(b"%d" % len(m._memo)),
    b"g": lambda m: m._push(m._memo[m._line()]),
    b"h": lambda m: m._push(m._memo[b"%d" % m._number("<B")]),
    b"j": lambda m: m._push(m._memo[b"%d" % m._number("<I")]),
    b"c": lambda m: m._name_lines(),
    b"\x93": lambda m: m._name_texts(),
    b"R": lambda m: m._call(),
    b"b": lambda m: m._build(),
}
_DICT_ACTIONS = {
    b"}": lambda m: m._push({}),
    b"d": lambda m: m._push_dict(m._from_mark()),
    b"s": lambda m: m._set_items(m._last(2)),
    b"u": lambda m: m._set_items(m._from_mark()),
    b"G": lambda m: m._push(m._number(">d")),
    b"F": lambda m: m._push(float(m._line())),
    b"Q": lambda m: m._persistent(),
}
