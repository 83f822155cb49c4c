"""Two ways to show a state to a learner: padded arrays of one size, or graphs of their own size."""

from __future__ import annotations

from typing import Any, Mapping, Protocol

import numpy as np
from gymnasium import spaces
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from .errors import UnitcellError
from .graphs import ELEMENTS, UNFILLED, Graph, GraphBatch, directed_edges

Observation = dict[str, Any]


class CrystalTooLarge(UnitcellError, ValueError):
    """A crystal does not fit into the padded arrays."""


class Layout(Protocol):
    """How observations look, for one environment and for a vector of them."""

    space: spaces.Dict

    def start(self, graphs: GraphBatch) -> None:
        """Episodes begin: of the environments ``graphs.env``, or of the only one."""

    def observe(
        self, elements: NDArray[np.uint8], focus: NDArray[np.int32], step: NDArray[np.int32]
    ) -> Observation:
        """The observation of all environments."""

    def final(self, env: int, elements: NDArray[np.uint8]) -> Observation:
        """What an environment showed at the end of the episode it is in."""


def _ragged(counts: NDArray[np.integer[Any]]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row and column of the items of rows of these lengths that stand one after the other."""
    rows = np.repeat(np.arange(len(counts)), counts)
    firsts = np.cumsum(counts) - counts
    return rows, np.arange(len(rows)) - np.repeat(firsts, counts)


class PaddedLayout:
    """A Dict of Boxes of one shape for all crystals: what most learners and buffers can store.

    Of S sites and E edges at most: ``elements`` uint8 [S] (88: unfilled, or no site), ``site_mask`` int8 [S], ``focus``
    int32 [1] (-1 after the last), ``step`` int32 [1], ``lattice`` float32 [3, 3] (rows, angstrom), ``frac_coords``
    float32 [S, 3], ``edges`` int32 [E, 2] (undirected), ``images`` int8 [E, 3], ``distances`` float32 [E] (angstrom),
    ``edge_mask`` int8 [E], ``space_group`` int32 [1], ``order`` int32 [S] (-1: no site), ``target`` float32 [1] (eV; -1
    without one).
    """

    def __init__(self, max_sites: int, max_edges: int, count: int | None = None) -> None:
        sites, edges = max_sites, max_edges
        inf = np.inf

        def box(low: float, high: float, shape: tuple[int, ...], dtype: type[np.generic]) -> spaces.Box:
            return spaces.Box(low, high, shape, dtype)  # type: ignore[type-var]

        self.space = spaces.Dict(
            {
                "elements": box(0, UNFILLED, (sites,), np.uint8),
                "site_mask": box(0, 1, (sites,), np.int8),
                "focus": box(-1, sites - 1, (1,), np.int32),
                "step": box(0, sites, (1,), np.int32),
                "lattice": box(-inf, inf, (3, 3), np.float32),
                "frac_coords": box(-inf, inf, (sites, 3), np.float32),
                "edges": box(0, sites - 1, (edges, 2), np.int32),
                "images": box(-128, 127, (edges, 3), np.int8),
                "distances": box(0, inf, (edges,), np.float32),
                "edge_mask": box(0, 1, (edges,), np.int8),
                "space_group": box(1, 230, (1,), np.int32),
                "order": box(-1, sites - 1, (sites,), np.int32),
                "target": box(-1, inf, (1,), np.float32),
            }
        )
        self._sites = sites
        self._edges = edges
        self._count = count
        n = count or 1
        self._site_counts = np.zeros(n, np.int64)
        self._places = np.zeros(0, np.intp)
        names = [name for name in self.space if name not in ("elements", "focus", "step")]
        self._static: dict[str, NDArray[Any]] = {
            name: np.zeros((n, *self.space[name].shape), self.space[name].dtype)  # type: ignore[misc]
            for name in names
        }

    def start(self, graphs: GraphBatch) -> None:
        largest, most = int(graphs.site_counts.max()), int(graphs.edge_counts.max())
        if largest > self._sites or most > self._edges:
            what = f"a crystal has {largest} sites and {most} edges, more than {self._sites} and {self._edges}"
            raise CrystalTooLarge(f"{what} (make the environment with larger max_sites and max_edges)")
        env = np.zeros(1, np.intp) if graphs.env is None else graphs.env.astype(np.intp)
        static = self._static
        rows, columns = _ragged(graphs.site_counts)
        at = (env[rows], columns)
        for name, values, empty in (("frac_coords", graphs.frac_coords, 0), ("order", graphs.order, -1), ("site_mask", 1, 0)):
            static[name][env] = empty
            static[name][at] = values
        rows, columns = _ragged(graphs.edge_counts)
        at = (env[rows], columns)
        edges = (("edges", graphs.edges), ("images", graphs.images), ("distances", graphs.distances), ("edge_mask", 1))
        for name, values in edges:
            static[name][env] = 0
            static[name][at] = values
        static["lattice"][env] = graphs.lattice
        static["space_group"][env, 0] = graphs.space_group
        static["target"][env, 0] = np.where(np.isnan(graphs.target), -1, graphs.target)
        self._site_counts[env] = graphs.site_counts
        rows, columns = _ragged(self._site_counts)
        self._places = rows * self._sites + columns

    def observe(
        self, elements: NDArray[np.uint8], focus: NDArray[np.int32], step: NDArray[np.int32]
    ) -> Observation:
        n = self._count or 1
        padded = np.full(n * self._sites, UNFILLED, np.uint8)
        padded[self._places] = elements
        # All of it is new at every step: users keep what they are given.
        whole = {
            "elements": padded.reshape(n, self._sites),
            "focus": focus.reshape(n, 1).copy(),
            "step": step.reshape(n, 1).copy(),
            **{name: values.copy() for name, values in self._static.items()},
        }
        if self._count is not None:
            return whole
        return {name: values[0] for name, values in whole.items()}

    def final(self, env: int, elements: NDArray[np.uint8]) -> Observation:
        padded = np.full(self._sites, UNFILLED, np.uint8)
        padded[: len(elements)] = elements
        return {
            "elements": padded,
            "focus": np.array([-1], np.int32),
            "step": np.array([len(elements)], np.int32),
            **{name: values[env].copy() for name, values in self._static.items()},
        }


class GraphLayout:
    """A Dict around a Graph, for learners of graph networks.

    ``graph``: nodes float32 [N, 5] (element index, 88 where unfilled; 1 on the focus site; fractional position), edges float32
    [2E, 4] (length in angstrom; image of the second site), edge_links int32 [2E, 2], both directions. Beside it ``step``,
    ``lattice``, ``space_group``, ``target`` as in :class:`PaddedLayout`.
    """

    def __init__(self, count: int | None = None) -> None:
        inf = np.inf
        self.space = spaces.Dict(
            {
                "graph": spaces.Graph(
                    spaces.Box(-inf, inf, (5,), np.float32), spaces.Box(-inf, inf, (4,), np.float32)
                ),
                "step": spaces.Box(0, 2**31 - 1, (1,), np.int32),
                "lattice": spaces.Box(-inf, inf, (3, 3), np.float32),
                "space_group": spaces.Box(1, 230, (1,), np.int32),
                "target": spaces.Box(-1, inf, (1,), np.float32),
            }
        )
        self._count = count
        self._graphs: list[Graph | None] = [None] * (count or 1)
        self._links: list[tuple[NDArray[np.int32], NDArray[np.float32]] | None] = [None] * (count or 1)

    def start(self, graphs: GraphBatch) -> None:
        envs = [0] if graphs.env is None else graphs.env.tolist()
        for env, graph in zip(envs, graphs):
            self._graphs[env] = graph
            self._links[env] = directed_edges(graph)

    def observe(
        self, elements: NDArray[np.uint8], focus: NDArray[np.int32], step: NDArray[np.int32]
    ) -> Observation:
        observations = []
        begin = 0
        for env, graph in enumerate(self._graphs):
            assert graph is not None
            end = begin + graph.sites
            observations.append(self._one(env, elements[begin:end], int(focus[env]), int(step[env])))
            begin = end
        if self._count is None:
            return observations[0]
        whole: Observation = {"graph": tuple(one["graph"] for one in observations)}
        for name in ("step", "lattice", "space_group", "target"):
            whole[name] = np.stack([one[name] for one in observations])
        return whole

    def final(self, env: int, elements: NDArray[np.uint8]) -> Observation:
        return self._one(env, elements, -1, len(elements))

    def _one(self, env: int, elements: NDArray[np.uint8], focus: int, step: int) -> Observation:
        graph, links = self._graphs[env], self._links[env]
        assert graph is not None and links is not None
        nodes = np.zeros((graph.sites, 5), np.float32)
        nodes[:, 0] = elements
        if focus >= 0:
            nodes[focus, 1] = 1
        nodes[:, 2:] = graph.frac_coords
        return {
            "graph": spaces.GraphInstance(nodes, links[1].copy(), links[0].copy()),
            "step": np.array([step], np.int32),
            "lattice": graph.lattice.astype(np.float32),
            "space_group": np.array([graph.space_group], np.int32),
            "target": np.array([-1 if graph.target is None else graph.target], np.float32),
        }


def make_layout(
    kind: str, dataset: Mapping[str, Any] | None, max_sites: int | None, max_edges: int | None, count: int | None
) -> Layout:
    """The layout of a name, sized for the crystals of a data set where no sizes are given.

    Raises:
        ValueError: there is no such layout.
    """
    if kind == "graph":
        return GraphLayout(count)
    if kind != "padded":
        raise ValueError(f"observation={kind!r} is no layout (choose padded or graph)")
    splits = list(dataset["splits"].values()) if dataset is not None else []
    sites = max_sites or max((split.get("max_sites", 20) for split in splits), default=20)
    edges = max_edges or max((split.get("max_edges", 10 * sites) for split in splits), default=10 * sites)
    return PaddedLayout(max(sites, 1), max(edges, 1), count)


def batched(space: spaces.Dict, count: int) -> spaces.Dict:
    """The space of a vector of ``count`` environments."""
    return batch_space(space, count)  # type: ignore[return-value]


ALL_ALLOWED: NDArray[np.int8] = np.ones(ELEMENTS, np.int8)
ALL_ALLOWED.flags.writeable = False
