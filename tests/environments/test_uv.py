"""What uv complains of, in our words. The sentences are those of uv 0.13."""

import pytest

from mlops_jupyter.environments import build_variables, complaint

HEAD = ["Using Python 3.11.7 environment at: v"]
NO_SOLUTION = "error: No solution found when resolving dependencies"


@pytest.mark.parametrize(
    ("said", "asked", "kind", "requirement"),
    [
        (
            [NO_SOLUTION, "cause: Because there is no version of numpy==99.1 and you require "
             "numpy==99.1, we can conclude that your requirements are unsatisfiable."],
            ["pandas==3.0.0", "numpy==99.1"], "missing", "numpy==99.1",
        ),
        (
            [NO_SOLUTION, "cause: Because nosuch was not found in the package registry and you "
             "require nosuch>=1, we can conclude that your requirements are unsatisfiable."],
            ["numpy", "nosuch[all]>=1"], "missing", "nosuch[all]>=1",
        ),
        (
            [NO_SOLUTION, "cause: Because tensorflow==1.0.0 has no wheels with a matching Python "
             "ABI tag (e.g., `cp311`) and you require tensorflow==1.0, we can conclude …"],
            ["tensorflow==1.0"], "missing", "tensorflow==1.0",
        ),
        (
            [NO_SOLUTION, "cause: Because only scikit-learn<2 is available and you require "
             "scikit-learn>=3, we can conclude that your requirements are unsatisfiable."],
            ["numpy==2.1.0", "scikit-learn>=3"], "missing", "scikit-learn>=3",
        ),
        (
            ["Resolved 1 package in 999ms", "Building pycrypto==2.6.1",
             "error: Failed to build `pycrypto==2.6.1`",
             "cause: The build backend returned an error"],
            ["pycrypto"], "build", "pycrypto==2.6.1",
        ),
        (
            ["error: Failed to read `bad @ file:///m/bad-1.0-py3-none-any.whl`",
             "cause: Failed to read from zip file"],
            ["./bad-1.0-py3-none-any.whl"], "missing", "bad @ file:///m/bad-1.0-py3-none-any.whl",
        ),
        (
            ["error: Request failed after 3 retries in 10.7s",
             "cause: Failed to fetch: http://127.0.0.1:9/simple/numpy/",
             "cause: error sending request for url (http://127.0.0.1:9/simple/numpy/)"],
            ["numpy"], "unreachable", "",
        ),
        (
            [NO_SOLUTION, "cause: Because numpy was not found in the cache and you require numpy, "
             "we can conclude that your requirements are unsatisfiable.",
             "hint: Packages were unavailable because the network was disabled."],
            ["numpy"], "unreachable", "",
        ),
        (
            [NO_SOLUTION, "cause: Because pandas==3.0.0 depends on numpy>=1.26.0 and you require "
             "pandas==3.0.0, we can conclude that you require numpy>=1.26.0.",
             "And because you require numpy==1.25, we can conclude that your requirements are "
             "unsatisfiable."],
            ["pandas==3.0.0", "numpy==1.25"], "conflict", "",
        ),
        (["error: No space left on device (os error 28)"], ["numpy"], "other", ""),
    ],
)  # fmt: skip
def test_a_complaint_names_the_package(said, asked, kind, requirement):
    found = complaint(HEAD + said, asked)
    assert (found.kind, found.requirement) == (kind, requirement)
    assert requirement in found.message
    assert said[-1].partition("cause: ")[2][:40] in found.reason


def test_a_conflict_is_given_in_uvs_own_sentences():
    said = [NO_SOLUTION, "cause: Because a depends on b>=2 and you require a,", "And because …"]
    assert complaint(said, ["a", "b==1"]).reason.startswith("Because a depends on b>=2")


def test_a_build_sees_uvs_settings_and_no_secret():
    seen = build_variables(
        {"UV_INDEX_URL": "x", "PATH": "/bin", "AWS_SECRET_ACCESS_KEY": "s", "MLFLOW_TOKEN": "s"}
    )
    assert seen == {"UV_INDEX_URL": "x", "PATH": "/bin"}
