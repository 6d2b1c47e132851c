"""A machine for the opcodes of pickles that make data, not for those that run code.

`pickletools` reads the opcodes and their arguments; its `genops` would decode the byte
strings of protocol 0 as ASCII, so that the table of opcodes is used instead.
"""

import io
import pickletools
import re
import warnings

from tf_sphereface.pickles.vocabulary import Name, RefusedPickleError

_OPCODES = {opcode.code.encode("latin-1"): opcode for opcode in pickletools.opcodes}
_LONGEST_NUMBER = 160  # bits; no count or flag is longer
_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|.)", re.DOTALL)
_ESCAPED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"\\": b"\\", b"'": b"'", b'"': b'"'}
_MARK = object()
_KEY_TYPES = (str, bytes, int, float, bool, type(None))


class Machine:
    """Reads the pickle that begins at byte `start` of `content`."""

    def __init__(self, content, vocabulary, start):
        self._file = io.BytesIO(content)
        self._size = len(content)
        self._file.seek(start)
        self._vocabulary = vocabulary
        self.start = start  # of the opcode at work
        self._stack = []
        self._memo = {}
        self._encoded = 0  # bytes made of texts: each text is encoded once

    @property
    def end(self):
        return self._file.tell()

    def run(self):
        while True:
            self.start = self.end
            code = self._file.read(1)
            if code == b".":
                return self._stack.pop()
            if not code:
                raise ValueError("the file ends early")
            opcode = _OPCODES.get(code)
            action = opcode and _ACTIONS.get(opcode.name)
            if opcode and action is None and self._vocabulary.dicts:
                action = _DICT_ACTIONS.get(opcode.name)
            if action is None:
                raise RefusedPickleError(
                    f"the opcode {opcode.name if opcode else code!r}"
                )
            if opcode.arg is None:
                action(self)
            else:
                action(self, self._argument(opcode))

    def _argument(self, opcode):
        if opcode.name == "STRING":
            line = pickletools.read_stringnl(self._file, decode=False)
            return _ESCAPE.sub(_unescape, line)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes in names that are none
            return opcode.arg.reader(self._file)

    def _push(self, value):
        self._stack.append(value)

    def _push_string(self, value):
        # Python 2's strings are bytes; `pickletools` reads them as Latin-1.
        self._push(value.encode("latin-1"))

    def _push_integer(self, value):
        if value.bit_length() > _LONGEST_NUMBER:
            raise ValueError("too long a number")
        self._push(value)

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

    def _name_line(self, line):
        self._name(*line.split(" ", 1))

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
            if self._encoded > self._size:
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
    **dict.fromkeys(("PROTO", "FRAME"), lambda m, _: None),
    "MARK": lambda m: m._push(_MARK),
    "POP": lambda m: m._stack.pop(),
    "POP_MARK": lambda m: m._from_mark(),
    "DUP": lambda m: m._push(m._stack[-1]),
    "EMPTY_LIST": lambda m: m._push([]),
    "LIST": lambda m: m._push(m._from_mark()),
    "APPEND": lambda m: m._extend(m._last(1)),
    "APPENDS": lambda m: m._extend(m._from_mark()),
    "EMPTY_TUPLE": lambda m: m._push(()),
    "TUPLE": lambda m: m._push(tuple(m._from_mark())),
    "TUPLE1": lambda m: m._push(m._last(1)),
    "TUPLE2": lambda m: m._push(m._last(2)),
    "TUPLE3": lambda m: m._push(m._last(3)),
    "NONE": lambda m: m._push(None),
    "NEWTRUE": lambda m: m._push(True),
    "NEWFALSE": lambda m: m._push(False),
    **dict.fromkeys(("INT", "LONG", "LONG1", "LONG4"), Machine._push_integer),
    **dict.fromkeys(("BININT", "BININT1", "BININT2"), Machine._push),
    **dict.fromkeys(("BINSTRING", "SHORT_BINSTRING"), Machine._push_string),
    **dict.fromkeys(("STRING", "BINBYTES", "SHORT_BINBYTES"), Machine._push),
    **dict.fromkeys(("BINBYTES8", "UNICODE", "BINUNICODE"), Machine._push),
    **dict.fromkeys(("SHORT_BINUNICODE", "BINUNICODE8"), Machine._push),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), Machine._put),
    "MEMOIZE": lambda m: m._put(len(m._memo)),
    **dict.fromkeys(
        ("GET", "BINGET", "LONG_BINGET"), lambda m, key: m._push(m._memo[key])
    ),
    "GLOBAL": Machine._name_line,
    "STACK_GLOBAL": Machine._name_texts,
    "REDUCE": Machine._call,
    "BUILD": Machine._build,
}
_DICT_ACTIONS = {
    "EMPTY_DICT": lambda m: m._push({}),
    "DICT": lambda m: m._push_dict(m._from_mark()),
    "SETITEM": lambda m: m._set_items(m._last(2)),
    "SETITEMS": lambda m: m._set_items(m._from_mark()),
    **dict.fromkeys(("FLOAT", "BINFLOAT"), Machine._push),
    "BINPERSID": Machine._persistent,
}
