"""Data-set folders, as `unitcell-data import` makes them, as numpy arrays: no server, no code run, no copies."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Iterator, Mapping, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .errors import DataSetError

_FORMAT = "unitcell-data-set"
_VERSION = 1
_REMAKE = "import it again: unitcell-data import"
_DTYPES = {
    "BOOL": np.dtype(np.bool_),
    "U8": np.dtype(np.uint8),
    "I8": np.dtype(np.int8),
    "U16": np.dtype("<u2"),
    "U32": np.dtype("<u4"),
    "F32": np.dtype("<f4"),
    "F64": np.dtype("<f8"),
}


class Crystal(NamedTuple):
    """A labelled crystal of N sites and E edges. NaN where a label is not known."""

    id: str
    #: float64 [3, 3], rows are the cell vectors, angstrom.
    lattice: NDArray[np.float64]
    #: float64 [N, 3]
    frac_coords: NDArray[np.float64]
    #: uint8 [N], element indices 0..87.
    elements: NDArray[np.uint8]
    #: uint16 [E, 2], undirected.
    edges: NDArray[np.uint16]
    #: int8 [E, 3], cell of the second site.
    images: NDArray[np.int8]
    #: float64 [E], angstrom.
    distances: NDArray[np.float64]
    space_group: int
    #: Of the cell, Ry.
    total_energy_ry: float
    band_gap_ev: float
    formation_energy_ev_per_atom: float


class Split:
    """The crystals of a split: ``split[i]`` is one, ``split.arrays`` are the columns of all of them."""

    def __init__(self, path: Path) -> None:
        self.arrays: Mapping[str, NDArray[Any]] = _read_safetensors(path)
        missing = {"lattices", "site_offsets", "frac_coords", "species", "labels"} - self.arrays.keys()
        if missing:
            raise DataSetError(f"{path} has no tensor {', '.join(sorted(missing))} ({_REMAKE})")

    def __len__(self) -> int:
        return len(self.arrays["lattices"])

    def __iter__(self) -> Iterator[Crystal]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, i: int) -> Crystal:
        """Raises IndexError."""
        if not -len(self) <= i < len(self):
            raise IndexError(f"no crystal {i} in a split of {len(self)}")
        i %= len(self)
        a = self.arrays
        sites, edges, text = (slice(a[name][i], a[name][i + 1]) for name in ("site_offsets", "edge_offsets", "id_offsets"))
        energy, gap, formation = a["labels"][i].tolist()
        return Crystal(
            a["ids"][text].tobytes().decode(),
            a["lattices"][i],
            a["frac_coords"][sites],
            a["species"][sites],
            a["edges"][edges],
            a["images"][edges],
            a["distances"][edges],
            int(a["space_group"][i]),
            energy,
            gap,
            formation,
        )


class DataSet:
    """A data-set folder.

    >>> from unitcell import DataSet
    >>> val = DataSet("my-data").split("val")
    >>> val[0].elements, val.arrays["labels"]

    Raises:
        DataSetError: the folder is none, or of another version.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        try:
            self.manifest: dict[str, Any] = json.loads((self.folder / "manifest.json").read_text())
        except (OSError, ValueError) as error:
            raise DataSetError(f"{folder} is no data set: {error} (name a folder that unitcell-data import made)") from error
        if self.manifest.get("format") != _FORMAT or self.manifest.get("format_version") != _VERSION:
            raise DataSetError(f"{folder} is a data set of another version ({_REMAKE})")

    @property
    def name(self) -> str:
        return self.manifest["name"]  # type: ignore[no-any-return]

    @property
    def hash(self) -> str:
        """Identity of the content, the one a server states."""
        return self.manifest["hash"]  # type: ignore[no-any-return]

    @property
    def splits(self) -> list[str]:
        return list(self.manifest["splits"])

    def split(self, name: str, *, verify: bool = False) -> Split:
        """The crystals of a split.

        Args:
            verify: compare the file with its hash first.

        Raises:
            DataSetError: no such split, or a damaged file.
        """
        if name not in self.manifest["splits"]:
            raise DataSetError(f"data set {self.name} has no split {name!r} (known: {', '.join(self.splits)})")
        entry = self.manifest["splits"][name]
        path = self.folder / entry["file"]
        if verify and hashlib.sha256(path.read_bytes()).hexdigest() != entry["sha256"]:
            raise DataSetError(f"{path} is not what its manifest says ({_REMAKE})")
        return Split(path)


def _read_safetensors(path: Path) -> dict[str, NDArray[Any]]:
    """The tensors of a file, mapped into memory."""
    try:
        data = np.memmap(path, np.uint8, "r")
        length = int(data[:8].view("<u8")[0])
        header = json.loads(data[8 : 8 + length].tobytes())
        header.pop("__metadata__", None)
        tensors = {}
        for name, entry in header.items():
            begin, end = (8 + length + at for at in entry["data_offsets"])
            tensors[name] = np.asarray(data[begin:end]).view(_DTYPES[entry["dtype"]]).reshape(entry["shape"])
        return tensors
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise DataSetError(f"{path} cannot be read: {error} ({_REMAKE})") from error
