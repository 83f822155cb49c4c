"""Gymnasium environments for crystal design, played over the wire of a unitcell server.

>>> import gymnasium, unitcell
>>> env = gymnasium.make("unitcell/CrystalFill-v1", url="ws://127.0.0.1:8787", split="val")
"""

from __future__ import annotations

import gymnasium

from .client import Client, DeferredReward, connect
from .dataset import Crystal, DataSet, Split
from .env import CrystalFillEnv
from .errors import (
    Cancelled,
    ConnectionClosed,
    ConnectionLost,
    DataSetError,
    EvaluationUnavailable,
    InvalidAction,
    InvalidMessage,
    LocalServerError,
    MaskedAction,
    NotAUnitcellServer,
    ProtocolError,
    RequestTimeout,
    ResetNeeded,
    ServerUnreachable,
    SessionLost,
    Unauthorized,
    UnitcellError,
    VersionMismatch,
)
from .graphs import ELEMENTS, UNFILLED, Graph, to_pyg
from .local_server import LocalServer, local_server
from .observations import CrystalTooLarge
from .options import SPEC_ID
from .progress import ProgressBar
from .vector import CrystalFillVectorEnv

__version__ = "0.1.0"

if SPEC_ID not in gymnasium.registry:
    gymnasium.register(
        SPEC_ID,
        entry_point="unitcell.env:CrystalFillEnv",
        vector_entry_point="unitcell.vector:CrystalFillVectorEnv",
    )

__all__ = [
    "ELEMENTS",
    "UNFILLED",
    "Cancelled",
    "Client",
    "ConnectionClosed",
    "ConnectionLost",
    "Crystal",
    "CrystalFillEnv",
    "CrystalFillVectorEnv",
    "CrystalTooLarge",
    "DataSet",
    "DataSetError",
    "DeferredReward",
    "EvaluationUnavailable",
    "Graph",
    "InvalidAction",
    "InvalidMessage",
    "LocalServer",
    "LocalServerError",
    "MaskedAction",
    "NotAUnitcellServer",
    "ProgressBar",
    "ProtocolError",
    "RequestTimeout",
    "ResetNeeded",
    "ServerUnreachable",
    "SessionLost",
    "Split",
    "Unauthorized",
    "UnitcellError",
    "VersionMismatch",
    "connect",
    "local_server",
    "to_pyg",
]
