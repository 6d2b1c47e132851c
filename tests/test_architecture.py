"""The tree is the architecture: imports point one way, and light things stay light."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "tf_sphereface"

# Modules and packages of a layer may import those of lower layers, and themselves.
LAYERS = [
    {"errors", "saved_names"},
    {
        "files",
        "geometry",
        "native_messages",
        "network_names",
        "pages",
        "progress",
        "recipes",
        "renames",
        "stated_paths",
        "__init__",
    },
    {
        "folder_lock",
        "litert",
        "model_files",
        "onnx_runtime",
        "pickles",
        "precision",
        "preprocessing",
        "rescaling_layers",
        "sandbox",
        "similarity",
        "text_lists",
        "tflite_graph",
    },
    {"heads", "losses", "backbones", "new_files", "whole_folders"},
    {"foreign"},
    {"face_classifier", "detection"},
    {"embedding_models", "data", "bundle"},
    {"training", "evaluation", "deployment", "weights"},
    {"quantization_training", "quickstart", "saved_models"},
    {"commands"},
]
# Losses share the heads' labels, norms and angles; foreign photos are decoded by the
# one decoder.
ALLOWED = {("losses", "heads"), ("bundle", "data")}
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
SOURCES = sorted(PACKAGE.rglob("*.py"))


def imported_modules(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_type_checkers = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if id(node) in for_type_checkers:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_imports_point_one_way():
    wrong = []
    for path in SOURCES:
        here = part_of(path)
        for module in imported_modules(path):
            parts = module.split(".")
            if parts[0] != "tf_sphereface" or len(parts) < 2 or parts[1] not in LEVEL:
                continue
            there = parts[1]
            downwards = LEVEL[there] < LEVEL[here]
            if not (there == here or downwards or (here, there) in ALLOWED):
                wrong.append(f"{path.relative_to(PACKAGE)} imports {module}")
    assert not wrong


def test_no_modules_import_each_other_in_a_circle():
    """Late imports within functions count too; imports for type checkers do not."""
    names = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(
            ".__init__"
        ): path
        for path in SOURCES
    }
    graph = {
        name: {module for module in imported_modules(path) if module in names} - {name}
        for name, path in names.items()
    }
    graphlib.TopologicalSorter(graph).prepare()  # its error names the circle


def test_network_code_knows_no_backend():
    wrong = []
    for path in SOURCES:
        if part_of(path) in LAYERS[3] | {"face_classifier", "precision"}:
            roots = {module.split(".")[0] for module in imported_modules(path)}
            if found := roots & {"tensorflow", "jax", "torch", "numpy"}:
                wrong.append(f"{path.relative_to(PACKAGE)} imports {found}")
    assert not wrong


@pytest.mark.parametrize(
    "statement",
    [
        "import tf_sphereface",
        "import tf_sphereface.evaluation, tf_sphereface.deployment",
        "import tf_sphereface.data.alignment.align, tf_sphereface.bundle.embedder",
        "from tf_sphereface.commands.main import main; main(['--help'])",
        "from tf_sphereface.training.recipe import read_recipe",
        "import tf_sphereface.quantization_training.process",
    ],
)
def test_light_imports_load_no_tensorflow(statement):
    check = "import sys; assert not {'tensorflow', 'keras'} & set(sys.modules)"
    subprocess.run(
        [sys.executable, "-c", f"{statement}\n{check}"], check=True, stdout=-3
    )


def test_every_package_is_in_the_distribution():
    text = (ROOT / "setup.cfg").read_text()
    listed = text.partition("packages =\n")[2].partition("python_requires")[0].split()
    found = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in PACKAGE.rglob("__init__.py")
    }
    assert set(listed) == found | {"tf_sphereface.recipes"}


def test_no_docstring_begins_with_a_question_word():
    words = {"How", "What", "When", "Where", "Whether", "Which", "Who", "Whose", "Why"}
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    wrong = []
    others = ("benchmarks", "examples", "export", "tests")
    for path in (
        *SOURCES,
        *(p for name in others for p in (ROOT / name).rglob("*.py")),
    ):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            text = isinstance(node, documented) and ast.get_docstring(node)
            if text and text.split()[0].rstrip(",:") in words:
                name = getattr(node, "name", "module")
                wrong.append(f"{path.relative_to(ROOT)}, {name}: {text[:60]}")
    assert not wrong
