"""A model that does what its input says: the accidents that real models have."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any

import mlflow.pyfunc


class Naughty(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Takes one text column `what`; returns it in capitals when it is no known accident."""

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        what = str(model_input["what"].iloc[0])
        match what:
            case "raise":
                raise ValueError("the model raised")
            case "hang":
                time.sleep(3600)
            case "exit":
                os._exit(3)
            case "sys.exit":
                sys.exit("bye")
            case "oom":
                os.kill(os.getpid(), signal.SIGKILL)  # as the kernel does when memory runs out
            case "memory":
                return [str(len(bytearray(2 << 30)))]
            case "rows":
                return model_input["what"].str.upper().to_list() * 2
            case "print":
                for _ in range(2000):
                    print("x" * 4096)
            case "fork":
                if os.fork() == 0:
                    time.sleep(3600)
            case "none":
                return None
            case "object":
                return [object()]
        return model_input["what"].str.upper()
