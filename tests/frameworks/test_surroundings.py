"""What a framework finds around it in a worker: the settings that decide its answers."""

import os

import pytest

from mlops_jupyter.serving import isolation, priming
from mlops_jupyter.serving.zygote import modules_for


def test_what_decides_the_last_digits_reaches_a_worker() -> None:
    chosen = {
        "OPENBLAS_CORETYPE": "Haswell",
        "MKL_CBWR": "COMPATIBLE",
        "TF_ENABLE_ONEDNN_OPTS": "0",
    }
    seen = isolation.environment({**chosen, "AWS_SECRET_ACCESS_KEY": "s"})
    assert chosen.items() <= seen.items()
    assert "AWS_SECRET_ACCESS_KEY" not in seen


def test_keras_is_imported_on_the_backend_that_its_model_was_saved_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wanted = modules_for({"keras": {"keras_backend": "jax"}, "python_function": {}})
    assert "keras@jax" in wanted and "keras" not in wanted
    # undone after the test
    monkeypatch.setenv("KERAS_BACKEND", "")
    monkeypatch.delenv("KERAS_BACKEND")
    priming.import_all(["json@jax"])
    assert os.environ["KERAS_BACKEND"] == "jax"


def test_a_backend_that_the_user_chose_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    priming.import_all(["json@jax"])
    assert os.environ["KERAS_BACKEND"] == "torch"
