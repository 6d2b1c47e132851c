"""The fenced code of README and docs, and why some of it is not run."""

import dataclasses
import re
import shlex
from pathlib import Path

# Pages whose bash blocks are run one after another, in one folder.
WALK = (
    "step_by_step.md",
    "prepare_data.md",
    "verification.md",
    "evaluation.md",
    "identification.md",
    "matching.md",
    "gallery.md",
    "deployment.md",
    "security.md",
    "import_weights.md",
)
# On a page whose commands are a record of what was done.
NO_BLOCK_RUNS = re.compile(r"^<!-- no block of this page is run: .+ -->$", re.M)
_BLOCK = re.compile(
    r"(?:^ *<!-- not run: (?P<reason>.+?) -->\n)?"
    r"^(?P<indent> *)```(?P<language>\w+)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)


@dataclasses.dataclass(frozen=True)
class CodeBlock:
    """A fenced block; `reason` says why it is not run, None for those that are."""

    language: str
    text: str
    reason: str | None

    def commands(self) -> list[list[str]]:
        """Words of each command; a backslash continues a line."""
        lines = self.text.replace("\\\n", " ").splitlines()
        commands = (shlex.split(line, comments=True) for line in lines)
        return [words for words in commands if words]


def code_blocks(page: Path) -> list[CodeBlock]:
    """The fenced blocks of a page, in order."""
    found = _BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [CodeBlock(m["language"], m["text"], m["reason"]) for m in found]
