"""Real models on disk, described as the registry describes them."""

import sys
from pathlib import Path

from mlops_jupyter.types import Environment, ModelVersion, digest_folder

KERNEL = Environment("kernel", sys.executable, "e" * 64)


def save(folder: Path, constant: float = 0.0):
    """A linear model of three columns; its answer shows `constant`."""
    import mlflow
    import numpy as np
    import pandas as pd
    from sklearn.linear_model import LinearRegression

    data = pd.DataFrame(np.eye(3), columns=["a", "b", "c"])
    model = LinearRegression().fit(data, [constant, constant, constant])
    mlflow.sklearn.save_model(
        model,
        str(folder),
        signature=mlflow.models.infer_signature(data, model.predict(data)),
        pip_requirements=[],
        serialization_format="cloudpickle",
    )


def describe(folder: Path, model: str, version: int, **fields) -> ModelVersion:
    """What the registry would say of the model in `folder`."""
    import yaml

    described = yaml.safe_load((folder / "MLmodel").read_text())
    return ModelVersion(
        model,
        version,
        digest_folder(folder),
        str(folder),
        signature=described.get("signature"),
        flavors=described["flavors"],
        environment=KERNEL,
        **fields,
    )


def spoil(folder: Path) -> None:
    """Make the model raise when it is loaded."""
    (path,) = folder.glob("model.*")
    path.write_bytes(b"these are no weights")


def stall(folder: Path, pipe: Path) -> None:
    """Make loading wait until somebody writes to `pipe`."""
    (path,) = folder.glob("model.*")
    path.write_bytes(b"cbuiltins\nopen\n(V" + str(pipe).encode() + b"\ntR.")


def hold(folder: Path, gate: Path) -> None:
    """Make loading wait for as long as the file `gate` is there."""
    import cloudpickle

    (path,) = folder.glob("model.*")

    # made here, so that it is pickled whole: a worker cannot import the tests
    def load(data: bytes, gate: str):
        import pickle
        import time
        from pathlib import Path

        while Path(gate).exists():
            time.sleep(0.02)
        return pickle.loads(data)

    class Held:
        def __reduce__(self):
            return load, (model, str(gate))

    model = path.read_bytes()
    path.write_bytes(cloudpickle.dumps(Held()))
