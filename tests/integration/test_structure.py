"""How the source is laid out: what packages give, which way imports go, and where the tests of a module are."""

import pkgutil
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path
from types import ModuleType

import grimp  # which import-linter brings
import pytest

import mien

SOURCE = Path(mien.__file__).parent
UNIT_TESTS = Path(__file__).parents[1] / "unit"

ONLY_COMMANDS = "cli"
"""The commands give nothing to import but themselves."""

PACKAGES = [
    import_module(module.name)
    for module in pkgutil.walk_packages(mien.__path__, "mien.")
    if module.ispkg and module.name != f"mien.{ONLY_COMMANDS}"
]

WITHOUT_UNIT_TESTS = {
    # Records without rules of their own.
    "model/facts": "tests/unit/model/test_metadata.py",
    "report/document": "tests/unit/report/test_markdown.py",
    "train/heads": "tests/unit/export/test_calibrate.py",
    "__main__": "tests/integration/test_command.py",
    "_version": "tests/integration/test_packaging.py",
    # What only a whole training, or the command, can show.
    "cli/audit": "tests/integration/test_audit_command.py",
    "cli/search": "tests/integration/test_search.py",
    "cli/study": "tests/integration/test_study.py",
    "cli/train": "tests/integration/test_training.py",
    "export/pipeline": "tests/integration/test_export.py",
    "export/source": "tests/integration/test_export.py",
    "search/search": "tests/integration/test_search.py",
    "train/module": "tests/integration/test_training.py",
    "train/training": "tests/integration/test_training.py",
}
"""Modules that have no unit test of their name, and where they are tested."""


def modules() -> set[str]:
    return {path.relative_to(SOURCE).with_suffix("").as_posix() for path in SOURCE.rglob("*.py")}


def mirrored() -> set[str]:
    """What the names of the unit tests say they are of; `test_init` is of the package, and `test_x` of `_x`, too."""
    found = set()
    for path in UNIT_TESTS.rglob("test_*.py"):
        folder, name = path.parent.relative_to(UNIT_TESTS), path.stem.removeprefix("test_")
        places = [(folder / kind).as_posix() for kind in ("__init__" if name == "init" else name, f"_{name}")]
        found.add(next((place for place in places if place in modules()), path.as_posix()))
    return found


def test_unit_tests_mirror_the_modules() -> None:
    assert mirrored() <= modules()
    untested = {name for name in modules() - mirrored() if not name.endswith("__init__")}
    assert untested == set(WITHOUT_UNIT_TESTS)
    assert all((UNIT_TESTS.parents[1] / place).exists() for place in WITHOUT_UNIT_TESTS.values())


def test_no_import_leads_back_to_where_it_started() -> None:
    graph = grimp.build_graph("mien", cache_dir=None)
    imported = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert len(imported) > 100
    TopologicalSorter(imported).prepare()  # a CycleError has the modules of the circle


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_a_package_gives_what_it_names(package: ModuleType) -> None:
    names = package.__all__
    modules = {module.name for module in pkgutil.iter_modules(package.__path__)}
    assert package.__doc__
    assert names == sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    assert not set(names) & modules  # a module, once imported, would hide the name
    for name in names:
        assert getattr(package, name) is not None
    assert set(names) <= set(dir(package))


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_a_package_names_what_it_gives(package: ModuleType) -> None:
    """Whatever is public in a package, is made by mien and is no module of it, stands in `__all__`."""
    public = {
        name
        for name, value in vars(package).items()
        if not name.startswith("_")
        and not isinstance(value, ModuleType)
        and str(getattr(value, "__module__", "")).startswith(package.__name__)
    }
    assert public <= set(package.__all__)
