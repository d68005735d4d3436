"""Which file may import what, what an import may do, and what a model consists of."""

import ast
import configparser
import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

from zoo import data
from zoo.catalogue import MODELS

ROOT = pathlib.Path(__file__).parents[1]
PACKAGES = ("zoo", "trainers", "export")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
BASELINES = ROOT / "tests" / "baselines"  # other libraries' versions, timed by hand; these are no dependencies
TESTS = sorted(path for path in (ROOT / "tests").rglob("*.py") if BASELINES not in path.parents)

DISTRIBUTIONS = {  # of the modules that are named otherwise
    "PIL": "pillow",
    "google": "protobuf",
    "grpc": "grpcio",
    "sklearn": "scikit-learn",
    "tensorflow_serving": "tensorflow-serving-api",
}
NOT_IMPORTED_HERE = {  # declared for another reason
    "tf-keras": "tensorflow-probability imports it",
    "importlib-resources": "tensorflow-datasets imports it",
    "pytest-xdist": "pytest -n 2",
    "pytest-timeout": "pytest's timeout",
    "setuptools": "builds the wheel in tests/test_package.py",
    "ruff": "a command of .ci/run",
}


def module_name(path):
    """zoo/nn/cells.py -> "zoo.nn.cells"."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(path):
    """Every module that a file names in an import anywhere in it; of `from a import b`, a and a.b."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = module_name(path) if path.name == "__init__.py" else module_name(path).rpartition(".")[0]
            source = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            found |= {source} | {f"{source}.{alias.name}" for alias in node.names}
    return found


def distributions(names):
    """Distributions that bring the modules, but for Python's own and ours."""
    tops = {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {*PACKAGES, "__future__"}
    return {DISTRIBUTIONS.get(top, normal(top)) for top in tops}


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements(extra=None):
    """Lines of setup.cfg: what the package needs, or what an extra adds."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    text = config["options.extras_require"][extra] if extra else config["options"]["install_requires"]
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def declared(extra=None):
    """Distributions that setup.cfg names for every Python."""
    return {normal(re.match(r"[\w.-]+", line)[0]) for line in requirements(extra) if ";" not in line}


def test_every_import_is_declared():
    for files, allowed in ((FILES, declared()), (TESTS, declared() | declared("test"))):
        needs = {str(path.relative_to(ROOT)): distributions(imports(path)) - allowed for path in files}
        wrong = {path: missing for path, missing in needs.items() if missing}
        assert not wrong, "setup.cfg does not declare what is imported"


def test_every_dependency_has_a_lower_and_an_upper_bound():
    for extra in (None, "test", "gpu", "photos"):
        for line in requirements(extra):
            assert re.search(r"==|>=.*,<", line), line


def test_everything_declared_is_imported():
    for extra, files in ((None, FILES), ("test", TESTS)):
        unused = declared(extra) - distributions(set().union(*map(imports, files))) - NOT_IMPORTED_HERE.keys()
        assert not unused, f"setup.cfg declares {unused}, which nothing imports"


COMMANDS = {f"{package}.{path.stem}" for package in PACKAGES[1:] for path in (ROOT / package).glob("[!_]*.py")}
ABOVE = {"zoo.catalogue", "zoo.store.runs"}  # find a model by its name


def forbidden(name):
    """Prefixes of ours that a module must not import: imports go one way, and models are strangers to each other."""
    models = {f"zoo.{model}" for model in MODELS}
    package, _, rest = name.partition(".")
    if package in ("trainers", "export"):
        other = {"trainers": "export", "export": "trainers"}[package]
        return {other} | (models | COMMANDS) - {f"zoo.{rest}", name}
    outside, (room, *_) = {"trainers", "export"} | models - {name}, rest.split(".")
    if room == "configs":
        return (
            outside
            | {f"zoo.{other}" for other in ("data", "nn", "metrics", "store", "catalogue")}
            | {f"zoo.configs.{model}" for model in MODELS} - {name}
        )
    if room in ("data", "nn", "metrics"):
        return outside | ABOVE
    if room in MODELS:
        return outside | ABOVE | {"zoo.data", "zoo.metrics", "zoo.store"}
    return outside


def test_imports_go_one_way():
    wrong = [
        f"{module_name(path)} imports {name}"
        for path in FILES
        for name in imports(path)
        if any(f"{name}.".startswith(f"{prefix}.") for prefix in forbidden(module_name(path)))
    ]
    assert not wrong


def test_the_rules_know_a_wrong_import():
    assert "trainers" in forbidden("zoo.nn.cells") and "zoo.vae" in forbidden("zoo.draw")
    assert "trainers" in forbidden("export.make.card") and "zoo.draw" not in forbidden("trainers.draw")
    assert "zoo.draw" in forbidden("trainers.learn.loop") and "zoo.data" in forbidden("zoo.draw")
    assert "trainers.evaluate" in forbidden("trainers.learn.loop") and "export.check" in forbidden("export.make.card")


def test_rooms_do_not_need_each_other_in_a_circle():
    def room(name):
        """zoo.nn.cells -> zoo.nn, zoo.data.split -> zoo.data, but trainers.draw and zoo.draw as they are."""
        parts = name.split(".")
        return ".".join(parts[:2]) if len(parts) > 2 or (ROOT / "/".join(parts)).is_dir() else name

    rooms = {module_name(path): room(module_name(path)) for path in FILES}
    needs = {}
    for path in FILES:
        name = module_name(path)
        found = {room(other) for other in imports(path) if other in rooms} - {rooms[name], *PACKAGES}
        needs.setdefault(rooms[name], set()).update(found)
    while free := {one for one, others in needs.items() if not others & needs.keys()}:
        needs = {one: others - free for one, others in needs.items() if one not in free}
    assert not needs, "these need each other"


def run(code, cwd):
    """What Python code prints as JSON on its last line, run in a folder of its own."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# Whatever answers a command line does so before TensorFlow is there: what one runs, and all configs.
LIGHT = [
    module_name(path)
    for path in FILES
    if path.name != "__main__.py"
    and (
        (len(module_name(path).split(".")) <= 2 and not module_name(path).startswith("zoo.")) or "configs" in path.parts
    )
]


def test_what_answers_a_command_line_imports_nothing_heavy(tmp_path):
    code = f"""
import importlib, json, sys
heavy = {{"tensorflow", "keras", "numpy", "tensorflow_probability", "tensorflow_datasets", "sklearn", "matplotlib"}}
blame = {{}}
for name in {LIGHT}:
    importlib.import_module(name)
    for found in heavy & sys.modules.keys():
        blame.setdefault(found, name)
print(json.dumps(blame))
"""
    assert run(code, tmp_path) == {}


def test_importing_every_module_does_no_work(tmp_path):
    names = [module_name(path) for path in FILES if path.name != "__main__.py"]
    code = f"""
import contextlib, importlib, io, json, os, sys
said, before = io.StringIO(), dict(os.environ)
sys.argv = ["somebody else's program", "--steps", "3"]
with contextlib.redirect_stdout(said):
    for name in {names}:
        importlib.import_module(name)
changed = [name for name in os.environ | before if os.environ.get(name) != before.get(name)]  # what children inherit
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)  # too late after any op
print(json.dumps([said.getvalue(), os.listdir(), changed]))
"""
    assert run(code, tmp_path) == ["", [], []]


@pytest.mark.parametrize("model", MODELS)
def test_a_model_is_a_handful_of_files(model):
    for path in ("zoo/{}.py", "zoo/configs/{}.py", "trainers/{}.py", "export/{}.py", "tests/zoo/test_{}.py"):
        assert (ROOT / path.format(model)).is_file(), path.format(model)


def test_every_config_is_in_the_list_of_models():
    found = {path.stem for path in (ROOT / "zoo" / "configs").glob("*.py")}
    assert found - {"__init__", "base", "kinds"} == set(MODELS)


ROOMS = ("trainers.declare", "trainers.learn", "trainers.score", "trainers.speed", "zoo.declare", "zoo.store")
MACHINERY = [  # what every paper is trained, scored, shown, kept and exported with
    path
    for path in FILES
    if module_name(path).startswith((*ROOMS, "export.make", "export.prove"))
    or module_name(path) in {f"trainers.show.{name}" for name in ("board", "exhibits", "sampling")}
    or module_name(path) in COMMANDS - {f"{package}.{model}" for package in PACKAGES for model in MODELS}
]
KINDS_SAY = {"regime", "binarized", "caption", "captions", "tune", "tunes", "spelling", "alphabet"}
PLAIN_WORDS = {"draw", "digits"}  # names of a paper and of a data set, and English words: refused as whole strings


def words_of(path):
    """Strings, and the words of strings and of identifiers, in lower case. Docstrings and comments do not count."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    alone = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    texts = {
        (type(node), text.lower())
        for node in nodes
        if id(node) not in alone
        for text in vars(node).values()
        if isinstance(text, str)
    }
    words = {word for _, text in texts for word in (*re.findall(r"\w+", text), *re.findall(r"[^\W_]+", text))}
    return {text for kind, text in texts if kind is ast.Constant}, words


@pytest.mark.parametrize("path", MACHINERY, ids=module_name)
def test_machinery_names_no_paper_no_data_set_and_no_kind_of_data(path):
    exhibits = {"pictures", "text", "audio"}  # what TensorBoard shows has the same names
    kinds = {folder.name for folder in (ROOT / "zoo" / "data").iterdir()} - exhibits
    strangers = {*MODELS, *data.names(), *kinds, *KINDS_SAY}
    strings, words = words_of(path)
    assert not (strings | words - PLAIN_WORDS) & strangers


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_text_is_utf_8_whatever_the_locale(path):
    """Every read_text, write_text and open of a text names its encoding."""
    for call in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)):
        method = getattr(call.func, "attr", "") in ("read_text", "write_text")
        mode = "".join(str(arg.value) for arg in call.args[1:2] if isinstance(arg, ast.Constant))
        if method or (getattr(call.func, "id", "") == "open" and "b" not in mode):
            assert "encoding" in {keyword.arg for keyword in call.keywords}, f"{path}:{call.lineno}"
