"""Endpoints to make pipelines of: small functions as real models behind a real hub."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from mlops_jupyter.client import Hub
from mlops_jupyter.pipelines import FLAVOR
from mlops_jupyter.types import Environment, ModelVersion, digest_folder
from mlops_jupyter.workers.signature import parse_signature

KERNEL = Environment("kernel", sys.executable, "e" * 64)


class Kit:
    """A hub and the folder that its models are written to."""

    def __init__(self, hub: Hub, folder: Path) -> None:
        self.hub = hub
        self._folder = folder

    def version(self, name: str, function: Any, signature: str, number: int = 1) -> ModelVersion:
        """A model that answers `function` of its frame."""
        import cloudpickle
        import mlflow
        from mlflow.models import ModelSignature

        folder = self._folder / f"{name}-{number}"
        # a worker cannot import the tests
        cloudpickle.register_pickle_by_value(sys.modules[function.__module__])

        class Model(mlflow.pyfunc.PythonModel):
            def predict(self, context, model_input, params=None):
                return function(model_input)

        mlflow.pyfunc.save_model(
            str(folder),
            python_model=Model(),
            signature=ModelSignature.from_dict(parse_signature(signature)),
            pip_requirements=[],
        )
        return _described(folder, name, number)

    def serve(self, name: str, function: Any, signature: str, number: int = 1, **how: Any) -> None:
        """Deploy such a model under its name."""
        version = self.version(name, function, signature, number)
        status = self.hub.deploy(name, version, wait=120, **how)
        assert status.state == "ready", status.reason

    def pipeline_version(
        self, name: str, text: str, number: int = 1, aliases: tuple[str, ...] = ()
    ) -> ModelVersion:
        """A checked pipeline as the registry would describe it."""
        checked = self.hub.check_pipeline(text=text)
        folder = self._folder / f"{name}-{number}"
        folder.mkdir()
        (folder / "graph.json").write_text(json.dumps(checked.graph))
        return ModelVersion(
            name,
            number,
            digest_folder(folder),
            str(folder),
            signature=checked.signature,
            flavors={FLAVOR: {"graph": checked.graph}},
            aliases=aliases,
            environment=KERNEL,
        )

    def pipeline(self, name: str, text: str, number: int = 1, **how: Any) -> None:
        """Deploy a pipeline of that text."""
        version = self.pipeline_version(name, text, number)
        status = self.hub.deploy(name, version, wait=60, **how)
        assert status.state == "ready", status.reason

    def ask(self, name: str, headers: dict[str, str] | None = None, **columns: list[Any]) -> Any:
        """The answer's predictions, records by row; raises the hub's error."""
        return self.call(name, headers, **columns).json()["predictions"]

    def call(self, name: str, headers: dict[str, str] | None = None, **columns: list[Any]) -> Any:
        """The whole HTTP answer of a call with these columns."""
        rows = [list(row) for row in zip(*columns.values(), strict=True)]
        return self.hub.connection.request(
            "POST",
            f"/endpoints/{name}/invocations",
            json_body={"dataframe_split": {"columns": list(columns), "data": rows}},
            headers=headers,
        )

    def run(self, request_id: str) -> list[dict[str, Any]]:
        """The records of the run that a call's X-Request-Id names, oldest first."""
        root = self.hub.record(request_id).record
        page = self.hub.records(text=root["request_id"], limit=1000)
        mine = [one for one in page.records if one["pipeline"]["run"] == root["pipeline"]["run"]]
        return sorted(mine, key=lambda record: record["index"])

    def steps(self, answer: Any) -> list[dict[str, Any]]:
        """The records of the steps of an answered call, in the order that they began."""
        records = self.run(answer.headers["x-request-id"])
        steps = [record for record in records if "step" in record["pipeline"]]
        return sorted(steps, key=lambda record: record["pipeline"]["at_us"])


def _described(folder: Path, name: str, number: int) -> ModelVersion:
    import yaml

    described = yaml.safe_load((folder / "MLmodel").read_text())
    return ModelVersion(
        name,
        number,
        digest_folder(folder),
        str(folder),
        signature=described.get("signature"),
        flavors=described["flavors"],
        environment=KERNEL,
    )


# -- what the endpoints do ------------------------------------------------------------------------


def language(frame):
    import pandas as pd

    return pd.DataFrame({"lang": ["es" if "hola" in text else "en" for text in frame["text"]]})


def translated(frame):
    import pandas as pd

    return pd.DataFrame({"text": [text.replace("hola", "hello") for text in frame["text"]]})


def length(frame):
    import pandas as pd

    return pd.DataFrame({"n": [len(text) for text in frame["text"]]}).astype("int64")


def loud(frame):
    import pandas as pd

    return pd.DataFrame({"loud": [text.upper() for text in frame["text"]]})


def doubled(frame):
    import pandas as pd

    return pd.DataFrame({"y": frame["x"] * 2.0})


def tripled(frame):
    import pandas as pd

    return pd.DataFrame({"y": frame["x"] * 3.0})


def spread(frame):
    """An array of two columns, as a model of vectors gives it."""
    import numpy as np

    return np.stack([frame["x"], -frame["x"]], axis=1).astype("float32")


def summed(array):
    import numpy as np

    return np.asarray(array, dtype="float64").sum(axis=1)


def moody(frame):
    """Fails as its text says."""
    import os
    import time

    import pandas as pd

    for text in frame["text"]:
        if text == "raise":
            raise ValueError("a bad day")
        if text == "die":
            os._exit(3)
        while text.startswith("/") and Path(text).exists():
            time.sleep(0.01)
    if "short" in set(frame["text"]):
        return pd.DataFrame({"mood": ["fine"] * (len(frame) + 1)})
    return pd.DataFrame({"mood": ["fine"] * len(frame)})
