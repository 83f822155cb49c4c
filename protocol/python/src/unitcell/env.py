"""The environment, as Gymnasium knows environments."""

from __future__ import annotations

from typing import Any, Callable, Mapping

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from .channel import Progress
from .client import Client, DeferredReward
from .codec import from_wire
from .graphs import ELEMENTS, Graph, GraphBatch
from .observations import ALL_ALLOWED, Observation
from .options import Handle, plain
from .progress import ProgressBar, as_callback


class CrystalFillEnv(gymnasium.Env[Observation, int]):
    """Fills the sites of a crystal skeleton with elements, one at a time.

    ``gymnasium.make("unitcell/CrystalFill-v1", url=...)`` makes one. An action is an element index 0..87 for the focus
    site; the episode ends with the last site, rewarded by Eq. (7) of the paper.

    ``info`` of a reset: ``seed`` (effective), ``split``, ``crystal_index``, ``sites``, ``source``; of every step
    ``action_mask`` int8 [88]; of the last one ``outcome``: ``failure``, ``evaluator``, ``evaluation``, ``total_energy_ry``,
    ``band_gap_ev``, ``formation_energy_ev_per_atom``, ``elements``, and where the server may tell ``true_elements``,
    ``crystal``, ``true_total_energy_ry``, ``true_band_gap_ev``.

    Args:
        url: of the server; None: one is started on this machine.
        client: a connection to use instead of one of its own.
        data, dft: data sets of the server that is started on this machine, and whether it calculates rewards.
        observation: ``padded`` arrays, or ``graph`` (see ``unitcell.observations``).
        max_sites, max_edges: sizes of the padded arrays; default: those of the largest crystal of the data set.
        action_masks: ask the server for masks; default: where there are constraints.
        progress: called with the progress of a calculation; True: a bar on stderr.
        render_mode: ``ansi``: ``render`` gives the crystal as CIF.
        token, encoding, timeout, reconnect: of the connection, see :func:`unitcell.connect`.
        **options: of the environment, by the names of the protocol: split, sites, select, source, space_group, reward,
            constraints, reveal, rewards, dataset.

    Raises:
        ServerUnreachable, NotAUnitcellServer, VersionMismatch, Unauthorized, LocalServerError, ProtocolError
    """

    metadata = {"render_modes": ["ansi"], "render_fps": 4}

    def __init__(
        self,
        url: str | None = None,
        *,
        client: Client | None = None,
        data: str | list[str] = "builtin",
        dft: bool = False,
        observation: str = "padded",
        max_sites: int | None = None,
        max_edges: int | None = None,
        action_masks: bool | None = None,
        progress: bool | Callable[[Progress], None] | None = None,
        render_mode: str | None = None,
        token: str | None = None,
        encoding: str = "msgpack",
        timeout: float = 60.0,
        reconnect: float = 30.0,
        **options: Any,
    ) -> None:
        if render_mode not in (None, "ansi"):
            raise ValueError(f"render_mode={render_mode!r} is none (choose ansi)")
        self._on_progress = as_callback(progress)
        self._masked = bool(options.get("constraints")) if action_masks is None else action_masks
        connection = {"token": token, "encoding": encoding, "timeout": timeout, "reconnect": reconnect}
        self._handle = Handle(url, client, data, dft, connection, {**options, "mask": self._masked}, None)
        self._layout = self._handle.layout(observation, max_sites, max_edges, None)
        self._mask: NDArray[np.int8] = ALL_ALLOWED
        self._graph: Graph | None = None
        self.render_mode = render_mode
        self.observation_space = self._layout.space
        self.action_space = spaces.Discrete(ELEMENTS)  # type: ignore[assignment]

    @property
    def client(self) -> Client:
        """The connection."""
        return self._handle.client

    @property
    def options(self) -> Mapping[str, Any]:
        """Options of the environment, every default filled in."""
        return self._handle.options

    @property
    def graph(self) -> Graph:
        """The static part of the episode, unpadded."""
        if self._graph is None:
            raise gymnasium.error.ResetNeeded("the environment has no episode yet (call reset first)")
        return self._graph

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Starts an episode.

        Args:
            seed: the same seed and options give the same episode on every machine.
            options: crystal (id, or {split, index}), structure ({lattice, frac_coords}), split, start, source, target,
                elements.
        """
        super().reset(seed=seed)
        request: dict[str, Any] = {} if seed is None else {"seed": int(seed)}
        if options:
            if options.get("elements") is not None and not self._masked:
                raise ValueError("options['elements'] narrows the actions (make the environment with action_masks=True)")
            request["options"] = plain(options)
        answer = self._handle.request("reset", **request)
        return self._read(answer)

    def step(self, action: int) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Fills the focus site. The last step may take minutes, where its reward must be calculated first.

        Returns:
            Observation, reward (NaN where it is deferred), terminated, truncated, info.

        Raises:
            InvalidAction, MaskedAction, ResetNeeded: nothing has changed then.
            ConnectionLost, SessionLost: the server went away.
        """
        answer = self._handle.request("step", self._on_progress, actions=plain(action))
        if isinstance(self._on_progress, ProgressBar) and answer["terminated"]:
            self._on_progress.close()
        observation, info = self._read(answer)
        reward = answer["reward"]
        return observation, np.nan if reward is None else float(reward), answer["terminated"], answer["truncated"], info

    def _read(self, answer: Mapping[str, Any]) -> tuple[Observation, dict[str, Any]]:
        observation, told = answer["observation"], answer["info"]
        if "graph" in observation:
            batch = GraphBatch.read(observation["graph"])
            self._layout.start(batch)
            self._graph = next(iter(batch))
        focus = np.array([observation["focus"]], np.int32)
        step = np.array([observation["step"]], np.int32)
        if "mask" in told:
            self._mask = from_wire(told["mask"]).astype(np.int8)
        info: dict[str, Any] = {"action_mask": self._mask.copy()}
        if "episode" in told:
            episode = told["episode"]
            info.update({"crystal_index" if key == "index" else key: value for key, value in episode.items()})
        if "outcome" in told:
            info["outcome"] = read_outcome(told["outcome"])
        return self._layout.observe(from_wire(observation["elements"]), focus, step), info

    def action_masks(self) -> NDArray[np.bool_]:
        """The allowed actions, bool [88], under the name that sb3-contrib asks for."""
        return self._mask.astype(np.bool_)

    def evaluation(self, evaluation: int, *, timeout: float | None = None) -> DeferredReward:
        """Waits for a deferred reward, ``info["outcome"]["evaluation"]`` of a last step with ``rewards="defer"``."""
        return self.client.evaluation(evaluation, timeout=timeout)

    def render(self) -> str | None:  # type: ignore[override]
        """The crystal as it stands, as CIF."""
        if self.render_mode is None:
            gymnasium.logger.warn("render needs a render mode (make the environment with render_mode='ansi')")
            return None
        return self.crystal("cif")

    def crystal(self, format: str = "cif") -> str:
        """The crystal as it stands, as text: ``cif``, ``poscar`` or ``json``."""
        return self._handle.request("render", format=format)["text"]  # type: ignore[no-any-return]

    def close(self) -> None:
        """Closes the environment, and the connection that was made for it."""
        self._handle.close()


def read_outcome(outcome: Mapping[str, Any]) -> dict[str, Any]:
    """How a filled crystal was judged, its arrays read."""
    truth = outcome["true_elements"]
    judged = {**outcome, "evaluator": outcome["source"], "elements": from_wire(outcome["elements"])}
    del judged["source"]
    judged.setdefault("evaluation", None)
    judged["true_elements"] = None if truth is None else from_wire(truth)
    return judged
