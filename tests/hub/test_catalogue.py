"""A version is its digest: bytes that changed are refused, wherever they changed."""

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from mlops_jupyter.hub.catalogue import Catalogue
from mlops_jupyter.types import (
    Conflict,
    Environment,
    InvalidRequest,
    Lineage,
    NotFound,
    Unavailable,
    digest_folder,
)


def change(folder):
    path = Path(folder) / "data" / "model.bin"
    path.chmod(0o644)
    path.write_text("other weights")


def test_artifacts_are_copied_by_digest_and_read_only(run, catalogue, make_version, ada, home):
    version = make_version()
    assert run(catalogue.add(version, ada)) == version
    kept = home.models / version.digest
    assert digest_folder(kept) == version.digest
    assert stat.S_IMODE((kept / "data" / "model.bin").stat().st_mode) == 0o444
    assert [path.name for path in home.models.iterdir()] == [version.digest]


def test_a_registration_is_recorded_with_its_lineage(run, catalogue, make_version, ada, books):
    lineage = Lineage(git_commit="abc", git_dirty=True, data_sha256="def", data_rows=569)
    run(catalogue.add(make_version(lineage=lineage), ada))
    (record,) = books.records()
    assert record["action"] == "version.register"
    assert record["actor"]["sub"] == "user:ada"
    assert record["code"] == {"git": "abc", "dirty": True}
    assert record["data"] == {"sha256": "def", "rows": 569}


def test_the_same_version_twice_is_one_version_and_one_record(
    run, catalogue, make_version, ada, books
):
    version = make_version()
    run(catalogue.add(version, ada))
    run(catalogue.add(version, ada))
    assert books.state.versions() == [version]
    assert len(books.records()) == 1


def test_where_a_version_runs_may_move_and_what_it_is_may_not(
    run, catalogue, make_version, ada, books
):
    version = make_version(run_id="first")
    run(catalogue.add(version, ada))
    moved = replace(version, run_id="other", environment=Environment("kernel", "/py", "e" * 64))
    kept = run(catalogue.add(moved, ada))
    assert kept.environment.python == "/py"
    assert kept.run_id == "first"
    assert [one["action"] for one in books.records()] == ["version.register", "version.update"]


def test_another_digest_for_a_recorded_version_is_refused(run, catalogue, make_version, ada):
    version = make_version()
    run(catalogue.add(version, ada))
    change(version.path)
    other = replace(version, digest=digest_folder(version.path))
    with pytest.raises(Conflict) as caught:
        run(catalogue.add(other, ada))
    assert caught.value.code == "version_changed"


def test_a_digest_that_is_not_that_of_the_folder_is_refused_and_leaves_nothing(
    run, catalogue, make_version, ada, home, books
):
    version = make_version()
    change(version.path)
    with pytest.raises(Conflict) as caught:
        run(catalogue.add(version, ada))
    assert caught.value.code == "version_changed"
    assert list(home.models.iterdir()) == []
    assert books.state.versions() == []


@pytest.mark.parametrize("place", ["source", "copy"])
def test_bytes_that_changed_after_registration_are_refused(
    run, catalogue, make_version, ada, place
):
    version = make_version()
    run(catalogue.add(version, ada))
    change(version.path if place == "source" else catalogue.path(version))
    with pytest.raises(Conflict) as caught:
        run(catalogue.check(version))
    assert caught.value.code == "version_changed"
    with pytest.raises(Conflict):
        run(catalogue.add(version, ada))


def test_a_source_that_is_gone_is_no_change(run, catalogue, make_version, ada):
    version = make_version()
    run(catalogue.add(version, ada))
    Path(version.path).rename(Path(version.path).with_name("elsewhere"))
    assert run(catalogue.check(version)) == catalogue.path(version)


def test_a_copy_that_is_gone_is_missing_and_not_served(run, catalogue, make_version, ada):
    version = make_version()
    run(catalogue.add(version, ada))
    catalogue.path(version).rename(catalogue.path(version).with_name("elsewhere"))
    with pytest.raises(Conflict):
        run(catalogue.check(version))


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_links_and_special_files_are_refused(run, catalogue, make_version, ada, home, kind):
    version = make_version()
    odd = Path(version.path) / "odd"
    odd.symlink_to("/etc/passwd") if kind == "link" else os.mkfifo(odd)
    with pytest.raises(InvalidRequest) as caught:
        run(catalogue.add(version, ada))
    assert caught.value.code == "artifacts_not_plain"
    assert list(home.models.iterdir()) == []


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"model": "../x"}, "invalid_name"),
        ({"version": 0}, "invalid_version"),
        ({"digest": "x"}, "invalid_version"),
        ({"digest": "../" + "0" * 61}, "invalid_version"),
        ({"path": "relative"}, "invalid_version"),
        ({"path": "/nowhere/at/all"}, "artifacts_missing"),
    ],
)
def test_a_description_that_is_none_is_refused(run, catalogue, make_version, ada, fields, code):
    with pytest.raises(InvalidRequest) as caught:
        run(catalogue.add(replace(make_version(), **fields), ada))
    assert caught.value.code == code


def test_a_copy_that_fails_is_a_clear_error(run, catalogue, make_version, ada, home):
    home.models.rmdir()
    home.models.write_text("in the way")
    with pytest.raises(Unavailable) as caught:
        run(catalogue.add(make_version(), ada))
    assert caught.value.code == "artifacts_not_copied"


def test_what_a_crash_left_behind_is_cleared_away(books, home):
    (home.models / ".incoming-abc").mkdir()
    Catalogue(books.state, home.models)
    assert list(home.models.iterdir()) == []


def test_an_unknown_version_names_what_there_is(run, catalogue, make_version, ada):
    run(catalogue.add(make_version(), ada))
    with pytest.raises(NotFound) as caught:
        catalogue.get("churn", 2)
    assert "version 1" in caught.value.reason
    with pytest.raises(NotFound) as caught:
        catalogue.get("chrun", 1)
    assert "'churn'" in caught.value.reason
