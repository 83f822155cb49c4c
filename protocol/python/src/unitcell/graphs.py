"""The static part of an episode, as numpy arrays."""

from __future__ import annotations

from typing import Any, Iterator, Mapping, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .codec import from_wire

#: The element index of a site that is not filled yet.
UNFILLED = 88
ELEMENTS = 88


class Graph(NamedTuple):
    """A crystal skeleton of N sites and E edges. Lengths in angstrom; sites count from 0."""

    #: [3, 3], rows are the cell vectors.
    lattice: NDArray[np.float64]
    #: [N, 3]
    frac_coords: NDArray[np.float64]
    #: [E, 2], undirected: use both directions.
    edges: NDArray[np.uint16]
    #: [E, 3], cell of the second site.
    images: NDArray[np.int8]
    #: [E]
    distances: NDArray[np.float64]
    space_group: int
    #: [N], the sites in the order in which they are filled.
    order: NDArray[np.uint16]
    #: Target band gap, eV; None without one.
    target: float | None

    @property
    def sites(self) -> int:
        return len(self.order)


class GraphBatch(NamedTuple):
    """The graphs of a message, one after the other, as they came."""

    site_counts: NDArray[np.int32]
    edge_counts: NDArray[np.int32]
    lattice: NDArray[np.float64]
    frac_coords: NDArray[np.float64]
    edges: NDArray[np.uint16]
    images: NDArray[np.int8]
    distances: NDArray[np.float64]
    space_group: NDArray[np.uint16]
    order: NDArray[np.uint16]
    target: NDArray[np.float64]
    #: The environments whose graphs these are; None for a single one.
    env: NDArray[np.int32] | None

    @staticmethod
    def read(graph: Mapping[str, Any]) -> "GraphBatch":
        """From a message. The arrays are views of its frame."""
        env = graph.get("env")
        columns = {name: from_wire(graph[name]) for name in GraphBatch._fields if name != "env"}
        return GraphBatch(**columns, env=None if env is None else from_wire(env))

    def __iter__(self) -> Iterator[Graph]:  # type: ignore[override]
        site = edge = 0
        for i, (sites, edges) in enumerate(zip(self.site_counts.tolist(), self.edge_counts.tolist())):
            target = float(self.target[i])
            yield Graph(
                self.lattice[i],
                self.frac_coords[site : site + sites],
                self.edges[edge : edge + edges],
                self.images[edge : edge + edges],
                self.distances[edge : edge + edges],
                int(self.space_group[i]),
                self.order[site : site + sites],
                None if np.isnan(target) else target,
            )
            site += sites
            edge += edges


def to_pyg(graph: Graph, elements: NDArray[np.integer[Any]], focus: int) -> dict[str, NDArray[Any]]:
    """A state as the arrays of a ``torch_geometric.data.Data``, edges in both directions.

    ``Data(**{k: torch.as_tensor(v) for k, v in to_pyg(...).items()})`` is one.

    Returns:
        x int64 [N, 2]: element index (88: unfilled), and 1 on the focus site;
        edge_index int64 [2, 2E]; edge_attr float32 [2E, 4]: length in angstrom and image of the second site;
        pos float32 [N, 3]: cartesian, angstrom; u float32 [1, 11]: lattice, space group, target (NaN without one).
    """
    marks = np.zeros(graph.sites, np.int64)
    if focus >= 0:
        marks[focus] = 1
    links, features = directed_edges(graph)
    target = np.nan if graph.target is None else graph.target
    return {
        "x": np.stack([elements.astype(np.int64), marks], axis=1),
        "edge_index": links.T.astype(np.int64),
        "edge_attr": features,
        "pos": (graph.frac_coords @ graph.lattice).astype(np.float32),
        "u": np.concatenate([graph.lattice.ravel(), [graph.space_group, target]]).astype(np.float32)[None],
    }


def directed_edges(graph: Graph) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Both directions of every edge: site pairs [2E, 2], and [2E, 4] of length and image."""
    forth = np.column_stack([graph.distances, graph.images])
    back = np.column_stack([graph.distances, -graph.images.astype(np.int16)])
    links = graph.edges.astype(np.int32)
    return np.concatenate([links, links[:, ::-1]]), np.concatenate([forth, back]).astype(np.float32)
