"""Whether two registered versions predict the same for the rows that they were registered with."""

from __future__ import annotations

import hashlib
from typing import Any

from mlops_jupyter.registry.quiet import quiet


def compare_models(first: str, second: str) -> dict[str, Any]:
    """Load two versions, ask both for the first one's recorded example, and compare.

    Parameters
    ----------
    first, second
        ``name/version``.

    Returns
    -------
    dict
        ``first`` and ``second``, SHA-256 hex over the predictions; ``deviation``, the largest
        relative difference of two numbers, or None where they are not numbers of one shape.

    Raises
    ------
    MlopsError
        A version is gone.
    """
    import mlflow.pyfunc
    from mlflow.models import Model

    from mlops_jupyter import registry

    paths = [registry.resolve(ref).path for ref in (first, second)]
    with quiet():
        example = Model.load(paths[0]).load_input_example(paths[0])
        answers = [_array(mlflow.pyfunc.load_model(path).predict(example)) for path in paths]
    digests = [hashlib.sha256(_bytes(answer)).hexdigest() for answer in answers]
    return {"first": digests[0], "second": digests[1], "deviation": _deviation(*answers)}


def _array(answer: Any) -> Any:
    import numpy

    return numpy.asarray(answer)


def _bytes(array: Any) -> bytes:
    head = f"{array.dtype.str} {array.shape}\n".encode()
    if array.dtype == object:
        return head + repr(array.tolist()).encode()
    return head + bytes(array.tobytes())


def _deviation(first: Any, second: Any) -> float | None:
    import numpy

    numbers = all(numpy.issubdtype(array.dtype, numpy.number) for array in (first, second))
    if not numbers or first.shape != second.shape:
        return None
    scale = numpy.maximum(numpy.abs(first), numpy.abs(second))
    apart = numpy.abs(first - second)
    relative = numpy.divide(apart, scale, out=numpy.zeros_like(apart, float), where=scale > 0)
    return float(relative.max(initial=0.0))
