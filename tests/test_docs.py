"""Pages: links lead somewhere, messages are those of the code, no page is long."""

import ast
import importlib
import re
from pathlib import Path

import pytest

from tests.code_blocks import NO_BLOCK_RUNS, WALK, code_blocks
from tf_sphereface.commands.main import module_of

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = sorted((*ROOT.glob("docs/*.md"), README, ROOT / "CONTRIBUTING.md"))
# Lines. Pages of reference are longer than guides; results grow with measurements.
LIMITS = {
    "README.md": 120,
    "security.md": 140,
    "architecture.md": 120,
    "decisions.md": 150,
}
GUIDE, REFERENCE = 120, 300
REFERENCES = {"contracts.md", "deployment.md", "losses.md", "troubleshooting.md"}


# Blocks of these languages run, those of "sh" do not and say why.
RUN = {page: {"bash"} for page in WALK}
RUN |= {"README.md": {"python"}, "losses.md": {"python"}}
RUN["matching.md"] = RUN["gallery.md"] = {"bash", "python"}


def test_code_that_runs_is_on_the_pages_whose_code_is_run():
    for page in PAGES:
        found = {block.language for block in code_blocks(page)} & {"bash", "python"}
        assert found == RUN.get(page.name, set()), page


def test_commands_that_are_not_run_say_why_and_could_be():
    """A block is told apart in the page itself; its options exist all the same."""
    silent = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for block in code_blocks(page):
            if block.language == "sh" and not block.reason:
                silent.append(f"{page.name}: {block.text}")
            if block.language in ("sh", "bash"):
                check_options(block)
        loose = re.sub(r"^ *```.*?^ *```$", "", text, flags=re.M | re.S)
        if not re.search(NO_BLOCK_RUNS, text):
            silent += re.findall(
                r"^ {4,}(?:sphereface|pip|python|make) .*", loose, re.M
            )
    assert not silent


def check_options(block):
    for program, *arguments in block.commands():
        if program.endswith("sphereface"):
            name, *rest = arguments
            module = importlib.import_module(module_of(name))
            module.build_parser().parse_args(rest)


def anchors(page):
    """The anchors that GitHub gives to the headings of a page."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.M | re.S)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in headings
    }


def test_links_lead_somewhere():
    broken = []
    for page in PAGES:
        for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
            if target.startswith("http"):
                continue
            path, _, anchor = target.partition("#")
            there = page.parent / path if path else page
            if not there.exists() or (anchor and anchor not in anchors(there)):
                broken.append(f"{page.name}: {target}")
    assert not broken


def test_every_page_can_be_reached_from_the_readme():
    reached, todo = set(), [README]
    while todo:
        page = todo.pop()
        reached.add(page)
        links = re.findall(r"\]\(([^)#]+\.md)", page.read_text(encoding="utf-8"))
        links = {(page.parent / link).resolve() for link in links if "://" not in link}
        todo += links - reached
    assert set(PAGES) <= reached


def test_pages_are_short():
    too_long = {}
    for page in PAGES:
        usual = REFERENCE if page.name in REFERENCES else GUIDE
        count = len(page.read_text(encoding="utf-8").splitlines())
        if page.name != "results.md" and count > LIMITS.get(page.name, usual):
            too_long[page.name] = count
    assert not too_long


def test_the_readme_names_every_command():
    from tf_sphereface.commands.main import COMMANDS

    table = re.findall(r"^\| `.*?\|", README.read_text("utf-8"), re.MULTILINE)
    named = {name for row in table for name in re.findall(r"`([a-z-]+)`", row)}
    assert named == set(COMMANDS)


def test_the_make_targets_it_names_exist():
    makefile = (ROOT / "Makefile").read_text()
    named = re.findall(r"`?make ([a-z-]+)", README.read_text(encoding="utf-8"))
    assert named
    assert all(re.search(rf"^{name}:", makefile, re.MULTILINE) for name in named)


def texts_of_the_source():
    """Texts of package and web page, with `...` for what is filled in."""
    for path in ROOT.glob("mobile_demo/web/src/**/*.js"):
        joined = re.sub(r"[`'] \+\s+[`']", "", path.read_text(encoding="utf-8"))
        yield re.sub(r"\$\{[^}]*\}", "...", joined)
    for path in (*ROOT.glob("tf_sphereface/**/*.py"), ROOT / "Makefile"):
        text = path.read_text(encoding="utf-8")
        if path.suffix != ".py":
            yield text
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
            elif isinstance(node, ast.JoinedStr):
                parts = [getattr(part, "value", None) for part in node.values]
                yield "".join(p if isinstance(p, str) else "..." for p in parts)


def test_messages_in_troubleshooting_are_those_of_the_code():
    page = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
    symptoms = re.findall(r"^\| (.*?) \|", page, re.MULTILINE)
    quoted = [text for cell in symptoms for text in re.findall(r"`(.+?)`", cell)]
    # `note: ` and `error: ` are put in front of any message.
    bare = [re.sub("^(note|error): ", "", text) for text in quoted]
    parts = {part.strip() for text in bare for part in text.split("...")}
    parts = {part for part in parts if len(part.split()) > 2}
    source = list(texts_of_the_source())
    assert len(parts) > 60
    missing = [part for part in parts if not any(part in text for text in source)]
    assert not missing


@pytest.mark.parametrize("page", ["README.md", "docs/results.md"])
def test_figures_have_no_placeholder(page):
    assert not re.search(r"[A-Z]+_OUTPUT|TODO|TBD", (ROOT / page).read_text("utf-8"))
