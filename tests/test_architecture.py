"""The tree is the architecture: imports point one way, and light things stay light."""

import ast
import graphlib
import re
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
        "loss_scaling",
        "model_files",
        "one_pass",
        "pickles",
        "precision",
        "preprocessing",
        "rescaling_layers",
        "runtimes",
        "similarity",
        "text_lists",
    },
    {"heads", "losses", "backbones", "new_files", "whole_folders"},
    {"foreign"},
    {"face_classifier", "detection"},
    {"embedding_models", "data", "bundle"},
    {"training", "evaluation", "demo_server", "deployment", "gallery", "weights"},
    {"quantization_training", "quickstart", "saved_models"},
    {"commands"},
]
# Losses share the heads' labels, norms and angles; foreign photos are decoded by the
# one decoder.
ALLOWED = {("losses", "heads"), ("bundle", "data")}
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
SOURCES = sorted(PACKAGE.rglob("*.py"))

# Everything is written by these, or where they say: whole, also after kill -9.
WRITERS = {"files", "folder_lock", "new_files", "renames", "whole_folders"}
GIVE_PLACES = {
    *("appearing", "changing", "new_files", "replacing", "replacing_export"),
    "scratch_folder",
}
WRITING = {
    *("FileLock", "NamedTemporaryFile", "TemporaryDirectory", "TemporaryFile"),
    *("TFRecordWriter", "TensorBoard", "WriteToText", "chmod", "copy2", "copyfile"),
    *("copytree", "dump", "export", "extract", "extractall", "hardlink_to", "imwrite"),
    *("link", "makedirs", "mkdir", "mkdtemp", "mkstemp", "move", "rename", "rmdir"),
    *("rmtree", "save", "save_file", "save_weights", "savefig", "savez", "symlink"),
    *("savez_compressed", "symlink_to", "tofile", "touch", "truncate", "unlink"),
    *("write_bytes", "write_text", "os.open", "os.remove", "os.replace", "shutil.copy"),
    "shutil.copyfileobj",
}
WRITE_THEMSELVES = {
    # In a folder, as yet hidden, that the caller was given.
    "data/alignment/beam.py": {"WriteToText", "open", "shutil.copyfile"},
    "data/records/holdout.py": {"mkdir"},
    "deployment/checking/foreign_runtime.py": {"write_bytes"},
    "deployment/checking/runtime_program.py": {"savez"},
    "deployment/conversion/saved_model.py": {"save"},
    "deployment/parity/measurement.py": {"unlink"},
    "deployment/quantization/variant_builder.py": {"write_bytes"},
    "deployment/writing/bundle.py": {"mkdir", "shutil.copy", "write_bytes"},
    "deployment/writing/golden.py": {"mkdir", "save", "write_text"},
    "detection/networks.py": {"export", "mkdir"},
    "foreign/sandbox.py": {"save_file", "write_bytes", "write_text"},
    "weights/files/download.py": {"open"},
    # Folders that grow file by file, and their journals.
    "data/aligned/manifest.py": {"unlink"},
    "data/aligned/settings.py": {"mkdir"},
    "data/alignment/align.py": {"mkdir", "os.unlink", "rmdir"},
    "data/alignment/rows.py": {"os.open"},
    "data/synthetic/writer.py": {"mkdir"},
    "deployment/servers/onnx.py": {"mkdir"},
    "quickstart/end_to_end.py": {"mkdir"},
    "quickstart/lfw.py": {"mkdir"},
    "quickstart/photos.py": {"mkdir", "os.link"},
    "training/run_folder.py": {"mkdir"},
    "training/trainer.py": {"TensorBoard"},
    # An empty file in the cache.
    "foreign/tried_files.py": {"mkdir", "os.open"},
    # In a folder that was given; os.O_RDWR is no place.
    "gallery/database.py": {"os.open"},
    # Nothing on a disk, or what the caller of a Keras model asks for.
    "bundle/contained_files.py": {"os.open"},
    "commands/main.py": {"os.open"},
    "data/alignment/photo_aligner.py": {"save"},
    "data/records/index.py": {"os.open"},
    "gallery/crops.py": {"save"},
    "face_classifier.py": {"export"},
    "training/many_identities/classifier.py": {"export", "save"},
    "native_messages.py": {"TemporaryFile"},
    "pages/rendering.py": {"save"},
    "pages/svg.py": {"savefig"},
}


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


def test_the_documented_levels_are_those_that_are_checked():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \d+ \| (.+) \|$", text, re.MULTILINE)
    documented = [set(row.split(", ")) for row in rows]
    assert documented == [names - {"__init__"} for names in LAYERS]


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
        "from tf_sphereface.training.recipes.recipe import read_recipe",
        "import tf_sphereface.gallery.store",
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
    others = ("benchmarks", "examples", "export", "mobile_demo", "tests")
    for path in (
        *SOURCES,
        *(p for name in others for p in (ROOT / name).rglob("*.py")),
    ):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            texts = [ast.get_docstring(node)] if isinstance(node, documented) else []
            if isinstance(node, ast.ClassDef):  # docstrings of fields
                texts += [
                    each.value.value
                    for each in node.body
                    if isinstance(each, ast.Expr)
                    and isinstance(each.value, ast.Constant)
                    and isinstance(each.value.value, str)
                ]
            for text in filter(None, texts):
                if text.split()[0].rstrip(",:") in words:
                    name = getattr(node, "name", "module")
                    wrong.append(f"{path.relative_to(ROOT)}, {name}: {text[:60]}")
    assert not wrong


def called(node):
    """The name of what is called, with its module if that is os or shutil."""
    name = ast.unparse(node.func)
    return name if name.startswith(("os.", "shutil.")) else name.rpartition(".")[2]


def names_in(node):
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def given_places(tree):
    """Names that stand for what one of `GIVE_PLACES` gave."""
    for block in ast.walk(tree):
        for item in getattr(block, "items", ()) if isinstance(block, ast.With) else ():
            call, target = item.context_expr, item.optional_vars
            if isinstance(call, ast.Call) and called(call) in GIVE_PLACES and target:
                yield from names_in(target)


def scopes(tree):
    """Functions and methods, and other statements of a module or class."""
    for node in tree.body:
        yield from scopes(node) if isinstance(node, ast.ClassDef) else [node]


def writes(tree):
    """Calls that write or remove files elsewhere than in a place that was given."""
    for scope in scopes(tree):
        given = set(given_places(scope))
        yield from writes_elsewhere(scope, given)


def writes_elsewhere(scope, given):
    for node in ast.walk(scope):
        if not isinstance(node, ast.Call) or names_in(node) & given:
            continue
        name = called(node)
        words = [*node.args, *(keyword.value for keyword in node.keywords)]
        modes = {word.value for word in words if isinstance(word, ast.Constant)}
        opens = name in ("open", "fdopen") and any(
            isinstance(mode, str) and re.fullmatch("[wax+][bt+]*|rb?[+]b?", mode)
            for mode in modes
        )
        if opens or name in WRITING or name.rpartition(".")[2] in WRITING:
            yield name


def test_files_are_written_by_the_writers_alone():
    """A new place that writes takes a writer, or its name and reason in the table."""
    found = {}
    for path in SOURCES:
        if part_of(path) not in WRITERS:
            names = set(writes(ast.parse(path.read_text(encoding="utf-8"))))
            found |= {path.relative_to(PACKAGE).as_posix(): names} if names else {}
    assert found == WRITE_THEMSELVES


@pytest.mark.parametrize(
    "code",
    [
        "open(out, 'w')",
        "open(out, mode='xb')",
        "out.write_text(text)",
        "Path(out).rename(other)",
        "os.replace(out, other)",
        "np.savez(out, x)",
        "shutil.rmtree(out)",
        "with replacing(path) as part: open(out, 'w')",
    ],
)
def test_what_writes_is_noticed(code):
    assert list(writes(ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    [
        "open(out)",
        "open(out, 'rb')",
        "text.replace('w', 'x')",
        "names.remove(name)",
        "rows.copy()",
        "with replacing(path) as part: np.savez(part, x)",
        "with changing(out) as folder: (folder / 'a').write_text(text)",
    ],
)
def test_what_does_not_write_or_takes_a_given_place_is_none(code):
    assert not list(writes(ast.parse(code)))
