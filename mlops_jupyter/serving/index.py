"""pandas' labels and indexes as JSON values, and back."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np


def pack_label(label: Any) -> Any:
    """A column's or series' name as a JSON value."""
    if isinstance(label, np.generic):
        label = label.item()
    if label is None or isinstance(label, str | bool | int):
        return label
    if isinstance(label, tuple):
        return {"tuple": [pack_label(part) for part in label]}
    if isinstance(label, float):
        return {"float": repr(label)}
    if isinstance(label, datetime.datetime):
        return {"time": label.isoformat()}
    return str(label)


def unpack_label(packed: Any) -> Any:
    """The label that `pack_label` took."""
    if not isinstance(packed, dict):
        return packed
    if "tuple" in packed:
        return tuple(unpack_label(part) for part in packed["tuple"])
    if "float" in packed:
        return float(packed["float"])
    import pandas as pd

    return pd.Timestamp(packed["time"])


def pack_index(index: Any) -> dict[str, Any] | None:
    """An index as a JSON object; None for the default one, 0 to n-1 without a name."""
    import pandas as pd

    names = [pack_label(name) for name in index.names]
    packed: dict[str, Any] = {"names": names}
    if isinstance(index, pd.RangeIndex):
        if index.start == 0 and index.step == 1 and names == [None]:
            return None
        packed["range"] = [index.start, index.stop, index.step]
    elif isinstance(index, pd.DatetimeIndex | pd.TimedeltaIndex):
        packed["ticks"] = index.asi8.tolist()
        packed["unit"] = index.unit
        packed["zone"] = str(index.tz) if getattr(index, "tz", None) is not None else None
        packed["freq"] = index.freqstr
        packed["delta"] = isinstance(index, pd.TimedeltaIndex)
    elif isinstance(index, pd.PeriodIndex):
        packed["periods"] = [str(period) for period in index]
        packed["freq"] = index.freqstr
    else:
        packed["labels"] = [pack_label(label) for label in index]
        packed["dtype"] = None if isinstance(index, pd.MultiIndex) else _dtype(index.dtype)
    return packed


def unpack_index(packed: dict[str, Any] | None, length: int) -> Any:
    """The index that `pack_index` took; `length` rows for the default one."""
    import pandas as pd

    if packed is None:
        return pd.RangeIndex(length)
    names = [unpack_label(name) for name in packed["names"]]
    index: Any
    if "range" in packed:
        index = pd.RangeIndex(*packed["range"])
    elif "ticks" in packed:
        index = _unpack_ticks(packed)
    elif "periods" in packed:
        index = pd.PeriodIndex(packed["periods"], freq=packed["freq"])
    else:
        labels = [unpack_label(label) for label in packed["labels"]]
        if packed["dtype"] is None:
            index = pd.MultiIndex.from_tuples(labels)
        else:
            index = pd.Index(labels, dtype=packed["dtype"])
    return index.set_names(names)


def _unpack_ticks(packed: dict[str, Any]) -> Any:
    import pandas as pd

    kind = "m8" if packed["delta"] else "M8"
    ticks = np.array(packed["ticks"], dtype="i8").view(f"{kind}[{packed['unit']}]")
    if packed["delta"]:
        return pd.TimedeltaIndex(ticks, freq=packed["freq"])
    index = pd.DatetimeIndex(ticks)
    if packed["zone"] is not None:
        index = index.tz_localize("UTC").tz_convert(packed["zone"])
    return pd.DatetimeIndex(index, freq=packed["freq"])


def _dtype(dtype: Any) -> str:
    if isinstance(dtype, np.dtype):
        return dtype.str if dtype.kind != "O" else "object"
    text = str(dtype)
    return "object" if text.startswith(("category", "interval")) else text
