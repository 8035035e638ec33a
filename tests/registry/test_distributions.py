import importlib.metadata
import pickle
import sys
import time
import types

import pytest

from mlops_jupyter.registry import distributions


def test_what_is_installed_is_what_the_metadata_say():
    said = {
        distributions.normalised(one.name): one.version
        for one in importlib.metadata.distributions()
    }
    assert distributions.installed() == said


def test_the_first_on_the_path_wins(tmp_path, monkeypatch):
    for folder, version in (("first", "1.0"), ("second", "2.0")):
        (tmp_path / folder / f"Acme_Tools-{version}.dist-info").mkdir(parents=True)
    monkeypatch.setattr(sys, "path", [str(tmp_path / "first"), str(tmp_path / "second")])
    assert distributions.installed() == {"acme-tools": "1.0"}


def test_an_old_egg_folder_is_read_too(tmp_path, monkeypatch):
    (tmp_path / "old.egg-info").mkdir()
    (tmp_path / "old.egg-info" / "PKG-INFO").write_text("Name: old\nVersion: 0.3\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(tmp_path / "missing")])
    assert distributions.installed() == {"old": "0.3"}


def test_freezing_takes_milliseconds():
    distributions.freeze()
    started = time.process_time()
    distributions.freeze()
    assert time.process_time() - started < 0.05


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("sklearn", "scikit-learn"),
        ("yaml", "pyyaml"),
        ("numpy", "numpy"),
        ("dateutil", "python-dateutil"),
    ],
)
def test_a_module_is_traced_to_its_distribution(module, name):
    __import__(module)
    assert distributions.distribution_of(module, distributions.installed()) == name


def test_a_module_of_another_name_is_found_in_the_records():
    import _pytest  # noqa: F401

    assert distributions.distribution_of("_pytest", distributions.installed()) == "pytest"


def test_modules_without_distribution_are_left_out():
    assert distributions.pinned({"json", "no_such_module", "__main__"}) == []


def test_the_modules_in_a_pickle_are_found_without_unpickling_it(tmp_path):
    import decimal

    class Trap:
        def __reduce__(self):
            return (exit, (1,))

    (tmp_path / "a.pkl").write_bytes(pickle.dumps([decimal.Decimal(1), Trap()]))
    (tmp_path / "b.bin").write_bytes(b"\x80no pickle at all")
    (tmp_path / "c.txt").write_text("decimal")
    assert "decimal" in distributions.pickled_modules(tmp_path)


def test_a_module_beside_the_notebook_is_told_from_an_installed_one(tmp_path, monkeypatch):
    module = types.ModuleType("features")
    module.__file__ = str(tmp_path / "features.py")
    package = types.ModuleType("pipeline")
    package.__file__ = str(tmp_path / "pipeline" / "__init__.py")
    monkeypatch.setitem(sys.modules, "features", module)
    monkeypatch.setitem(sys.modules, "pipeline", package)
    assert distributions.local_source("features.deep") == tmp_path / "features.py"
    assert distributions.local_source("pipeline") == tmp_path / "pipeline"
    for name in ("json", "pytest", "sys", "__main__", "mlops_jupyter", "no_such_module"):
        assert distributions.local_source(name) is None
