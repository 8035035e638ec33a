import importlib.metadata
import sys

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


@pytest.mark.parametrize(
    ("line", "met"),
    [
        ("numpy", True),
        ("NumPy>=1.20  # arrays", True),
        ("numpy==0.1", False),
        ("nosuchpackage", False),
        ("nosuchpackage; python_version < '3'", True),
        ("mlflow==1.0", True),
        ("mlflow-skinny==1.0", True),
        ("./own-1.0-py3-none-any.whl", False),
        ("-r more.txt", False),
        ("", True),
        ("# numpy==0.1", True),
    ],
)
def test_requirements_are_met_by_what_is_installed(line, met):
    assert (distributions.unmet([line]) == []) is met
