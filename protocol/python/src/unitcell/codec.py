"""Messages to frames and back, in both subprotocols, and the arrays of the wire."""

from __future__ import annotations

import base64
import json
from typing import Any, Callable, Mapping, NamedTuple

import msgpack
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Message = dict[str, Any]

_DTYPES = {
    "bool": np.dtype(np.bool_),
    "uint8": np.dtype(np.uint8),
    "int8": np.dtype(np.int8),
    "uint16": np.dtype("<u2"),
    "int32": np.dtype("<i4"),
    "float32": np.dtype("<f4"),
    "float64": np.dtype("<f8"),
}


def from_wire(array: Mapping[str, Any]) -> Array:
    """The values of ``{dtype, shape, data}``: a read-only view of the frame."""
    return np.frombuffer(array["data"], _DTYPES[array["dtype"]]).reshape(array["shape"])


def to_wire(array: Array) -> Message:
    """An array as ``{dtype, shape, data}``, little-endian and row-major.

    Raises:
        TypeError: the wire has no such dtype.
    """
    name = array.dtype.name
    if name not in _DTYPES:
        raise TypeError(f"the wire has no dtype {name} (convert to one of {', '.join(_DTYPES)})")
    data = np.ascontiguousarray(array, _DTYPES[name])
    return {"dtype": name, "shape": list(array.shape), "data": data.tobytes()}


class Codec(NamedTuple):
    """How messages become frames."""

    subprotocol: str
    is_binary: bool
    encode: Callable[[Message], bytes]
    decode: Callable[[bytes], Message]


def _bytes_to_base64(value: Any) -> str:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} has no place in a message")


def _base64_to_bytes(value: Message) -> Message:
    if isinstance(value.get("data"), str) and "dtype" in value and "shape" in value:
        value["data"] = base64.b64decode(value["data"], validate=True)
    return value


def _decode_msgpack(frame: bytes) -> Message:
    return msgpack.unpackb(frame)  # type: ignore[no-any-return]


def _encode_json(message: Message) -> bytes:
    return json.dumps(message, default=_bytes_to_base64, separators=(",", ":"), ensure_ascii=False).encode()


def _decode_json(frame: bytes) -> Message:
    return json.loads(frame, object_hook=_base64_to_bytes)  # type: ignore[no-any-return]


CODECS = {
    "msgpack": Codec("unitcell.v1.msgpack", True, msgpack.Packer(autoreset=True).pack, _decode_msgpack),
    "json": Codec("unitcell.v1.json", False, _encode_json, _decode_json),
}
