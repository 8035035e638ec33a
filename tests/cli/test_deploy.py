"""``endpoints deploy``: what a notebook of another language, or a script, serves a model with."""

from __future__ import annotations

import json

import pytest

import mlops_jupyter as mj
from mlops_jupyter.cli import main


@pytest.fixture(scope="module")
def registered(hub, classifier, cancer):
    mj.register("tumor", classifier, cancer.data, alias="champion")
    return hub


def test_a_version_is_served_as_an_endpoint_of_another_name(registered, capsys):
    command = "endpoints deploy tumor@champion --as clinic --scale serverless --json"
    assert main(command.split()) == 0
    status = json.loads(capsys.readouterr().out)
    spec = status["spec"]
    assert (spec["name"], spec["model"], spec["alias"]) == ("clinic", "tumor", "champion")
    assert spec["scaling"]["mode"] == "serverless"
    assert status["url"].endswith("/endpoints/clinic/invocations")


def test_what_is_not_given_stays_as_it_is(registered, capsys):
    main(["endpoints", "deploy", "tumor", "--as", "kept", "--scale", "fixed:2"])
    assert main(["endpoints", "deploy", "tumor/1", "--as", "kept"]) == 0
    assert "scaling    fixed:2" in capsys.readouterr().out.split("kept: ")[-1]


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        (["nosuch"], 1, "unknown_model"),
        (["tumor", "--scale", "many"], 2, "invalid_scaling"),
        (["tumor", "--as", "clinic", "--revision", "77"], 1, "revision_conflict"),
    ],
)
def test_what_cannot_be_deployed_is_one_line(registered, capsys, words, status, code):
    found = main(["endpoints", "deploy", *words])
    said = capsys.readouterr().err
    assert said.startswith("mlops-jupyter: ") and len(said.splitlines()) == 1, said
    assert (found, code in said) == (status, True), (found, said)
