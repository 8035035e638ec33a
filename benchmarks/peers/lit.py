"""The same model behind LitServe, with its fast queue; started as `python lit.py MODEL PORT`."""

import sys
from typing import Any

import litserve
import mlflow.sklearn
import numpy


class Model(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self.model = mlflow.sklearn.load_model(sys.argv[1])

    def decode_request(self, request: dict[str, Any]) -> Any:
        return numpy.array([column["data"] for column in request["inputs"]], dtype=float).T

    def predict(self, rows: Any) -> Any:
        return self.model.predict(rows)

    def encode_response(self, output: Any) -> dict[str, Any]:
        return {"outputs": [{"name": "predictions", "data": output.tolist()}]}


if __name__ == "__main__":
    server = litserve.LitServer(Model(), accelerator="cpu", fast_queue=True, workers_per_device=1)
    server.run(
        port=int(sys.argv[2]), host="127.0.0.1", generate_client_file=False, log_level="error"
    )
