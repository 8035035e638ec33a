"""The client with a real hub and a real model behind it."""

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from mlops_jupyter.client import predict as module
from mlops_jupyter.types import Forbidden, InvalidInput, NotFound

from .test_real_hub import as_application


@pytest.fixture(scope="module")
def churn(hub, cancer, classifier):
    """The endpoint ``churn`` of a real hub."""
    from mlops_jupyter import registry

    version = registry.register("churn", classifier, cancer.data)
    hub.add_version(version)
    status = hub.deploy("churn", version, wait=120)
    assert status.state == "ready", status.reason
    return hub.endpoint("churn")


def test_predictions_are_those_of_the_model(churn, cancer, classifier):
    expected = classifier.predict(cancer.data)
    for data in (cancer.data, cancer.data[cancer.data.columns[::-1]], cancer.data.to_numpy()):
        got = churn.predict(data)
        assert got.dtype == expected.dtype
        np.testing.assert_array_equal(got, expected)


def test_any_number_of_rows_is_answered_in_order(churn, cancer, classifier, monkeypatch):
    monkeypatch.setattr(module, "PART_ROWS", 1000)
    data = pd.concat([cancer.data] * 20, ignore_index=True)
    np.testing.assert_array_equal(churn.predict(data), classifier.predict(data))


def test_what_does_not_fit_is_told_by_column(churn, cancer):
    with pytest.raises(InvalidInput, match="mean radius"):
        churn.predict(cancer.data.drop(columns="mean radius"))


def test_the_command_and_the_program_work(churn, hub, tmp_path):
    done = subprocess.run(["bash", "-c", churn.curl()], capture_output=True, timeout=60, check=True)
    (answer,) = json.loads(done.stdout)["predictions"]
    assert answer in (0, 1)
    program = tmp_path / "client.py"
    program.write_text(churn.client_code())
    token = hub.create_token("billing", ["churn"], 60).token
    done = subprocess.run(
        [sys.executable, str(program)],
        capture_output=True, text=True, timeout=60, check=True,
        env={**os.environ, "MLOPS_TOKEN": token},
    )  # fmt: skip
    assert done.stdout == f"[{answer}]\n"
    (record,) = hub.records(caller="app:billing", kind="prediction").records
    assert record["actor"]["method"] == "api-token"


def test_a_token_opens_only_what_it_names(churn, hub):
    token = hub.create_token("billing", ["fraud"], 60).token
    for path in ("/v2/models/churn", "/v2/models/nowhere"):
        with pytest.raises(Forbidden) as caught:
            as_application(hub, token, path)
        assert caught.value.code == "endpoint_not_allowed"


def test_an_endpoint_that_is_not_there_is_told(hub):
    with pytest.raises(NotFound):
        hub.predict("nowhere", [1.0])
