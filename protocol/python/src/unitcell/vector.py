"""n environments that one message steps, as Gymnasium knows vectors of them."""

from __future__ import annotations

from typing import Any, Callable, Mapping, Sequence

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import ArrayLike, NDArray

from .channel import Progress
from .client import Client, DeferredReward
from .codec import from_wire, to_wire
from .graphs import ELEMENTS, GraphBatch
from .observations import Observation, batched
from .options import Handle, plain
from .progress import ProgressBar, as_callback

_LABELS = ("total_energy_ry", "band_gap_ev", "formation_energy_ev_per_atom", "true_total_energy_ry", "true_band_gap_ev")


class CrystalFillVectorEnv(VectorEnv[Observation, NDArray[np.int64], NDArray[Any]]):
    """A vector of :class:`unitcell.env.CrystalFillEnv` on one server, stepped by one message.

    ``gymnasium.make_vec("unitcell/CrystalFill-v1", num_envs=64, url=...)`` makes one. What ``info`` of a single
    environment has as a value is here an array with its mask under ``_name``; ``infos["outcome"]`` is a dictionary of
    such arrays. With ``same_step`` the observations at the end are ``infos["final_obs"]``.

    Args:
        num_envs: n.
        autoreset_mode: one of Gymnasium's; environment i of ``reset(seed=s)`` gets the seed s + i.
        **options: as those of a single environment, see there.
    """

    metadata = {"render_modes": ["ansi"], "autoreset_mode": AutoresetMode.NEXT_STEP}

    def __init__(
        self,
        num_envs: int = 1,
        url: str | None = None,
        *,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
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
        mode = _autoreset_mode(autoreset_mode)
        self._on_progress = as_callback(progress)
        self._masked = bool(options.get("constraints")) if action_masks is None else action_masks
        connection = {"token": token, "encoding": encoding, "timeout": timeout, "reconnect": reconnect}
        wire_mode = {AutoresetMode.NEXT_STEP: "next_step", AutoresetMode.SAME_STEP: "same_step"}.get(mode, "disabled")
        asked = {**options, "mask": self._masked, "autoreset": wire_mode}
        self._handle = Handle(url, client, data, dft, connection, asked, int(num_envs))
        self._layout = self._handle.layout(observation, max_sites, max_edges, int(num_envs))
        self._mask: NDArray[np.int8] = np.ones((num_envs, ELEMENTS), np.int8)
        self._mask.flags.writeable = False
        self._all = np.ones(num_envs, np.bool_)
        self.num_envs = int(num_envs)
        self.autoreset_mode = mode
        self.metadata = {**self.metadata, "autoreset_mode": mode}
        self.render_mode = render_mode
        self.single_observation_space = self._layout.space
        self.observation_space = batched(self._layout.space, self.num_envs)
        self.single_action_space = spaces.Discrete(ELEMENTS)  # type: ignore[assignment]
        self.action_space = spaces.MultiDiscrete(np.full(self.num_envs, ELEMENTS))

    @property
    def client(self) -> Client:
        """The connection."""
        return self._handle.client

    @property
    def options(self) -> Mapping[str, Any]:
        """Options of the environments, every default filled in."""
        return self._handle.options

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Starts episodes, in all environments or where ``options["reset_mask"]`` is true.

        Args:
            seed: of environment 0 (environment i gets seed + i), or a list of them.
            options: as those of a single environment; ``crystal`` may be a list; ``reset_mask`` bool [n].
        """
        request: dict[str, Any] = {}
        chosen = dict(options or {})
        mask = chosen.pop("reset_mask", None)
        if mask is not None:
            request["which"] = np.flatnonzero(mask).tolist()
        if seed is not None:
            request["seed"] = self._seeds(seed, request.get("which"))
        if chosen.get("elements") is not None and not self._masked:
            raise ValueError("options['elements'] narrows the actions (make the environments with action_masks=True)")
        if chosen:
            request["options"] = plain(chosen)
        answer = self._handle.request("reset", **request)
        return self._read(answer, {})

    def _seeds(self, seed: int | Sequence[int | None], which: list[int] | None) -> int | list[int]:
        if isinstance(seed, (int, np.integer)):
            return int(seed)
        seeds = [seed[env] for env in which] if which is not None and len(seed) == self.num_envs else list(seed)
        if any(one is None for one in seeds):
            raise ValueError("a seed is None (give a seed to every environment, or none at all)")
        return [int(one) for one in seeds]  # type: ignore[arg-type]

    def step(  # type: ignore[override]
        self, actions: ArrayLike
    ) -> tuple[Observation, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Fills the focus site of every environment. Where rewards must be calculated first it may take minutes.

        Args:
            actions: n element indices; those of environments that a step only resets are ignored.

        Returns:
            Observations, rewards [n] (NaN where deferred), terminations [n], truncations [n], infos.

        Raises:
            InvalidAction, MaskedAction, ResetNeeded: nothing has changed then.
            ConnectionLost, SessionLost: the server went away.
        """
        chosen = np.asarray(actions)
        sent = to_wire(chosen.astype(np.int32)) if chosen.dtype.kind in "iu" else plain(chosen)
        answer = self._handle.request("step", self._on_progress, actions=sent)
        if isinstance(self._on_progress, ProgressBar):
            self._on_progress.close()
        infos: dict[str, Any] = {}
        if "outcomes" in answer["info"]:
            self._read_outcomes(answer["info"]["outcomes"], infos)
        observation, infos = self._read(answer, infos)
        return (
            observation,
            from_wire(answer["reward"]).copy(),
            from_wire(answer["terminated"]).copy(),
            from_wire(answer["truncated"]).copy(),
            infos,
        )

    def _read(self, answer: Mapping[str, Any], infos: dict[str, Any]) -> tuple[Observation, dict[str, Any]]:
        observation, told = answer["observation"], answer["info"]
        if "graph" in observation:
            self._layout.start(GraphBatch.read(observation["graph"]))
        if "mask" in told:
            self._mask = from_wire(told["mask"]).astype(np.int8)
        infos["action_mask"], infos["_action_mask"] = self._mask.copy(), self._all.copy()
        if "episodes" in told:
            self._read_episodes(told["episodes"], infos)
        elements, focus, step = (from_wire(observation[name]) for name in ("elements", "focus", "step"))
        return self._layout.observe(elements, focus, step), infos

    def _read_episodes(self, episodes: Mapping[str, Any], infos: dict[str, Any]) -> None:
        env = from_wire(episodes["env"])
        mask = self._mask_of(env)
        for name, key in (("seed", "seed"), ("index", "crystal_index"), ("sites", "sites"), ("source", "source")):
            column = np.zeros(self.num_envs, np.int64)
            column[env] = from_wire(episodes[name])
            infos[key], infos[f"_{key}"] = column, mask

    def _read_outcomes(self, outcomes: Mapping[str, Any], infos: dict[str, Any]) -> None:
        env = from_wire(outcomes["env"])
        mask = self._mask_of(env)
        judged: dict[str, Any] = {}

        def put(name: str, values: Any, empty: Any, dtype: Any) -> None:
            column = np.full(self.num_envs, empty, dtype)
            column[env] = values
            judged[name], judged[f"_{name}"] = column, mask

        for name in _LABELS:
            if outcomes[name] is not None:
                put(name, from_wire(outcomes[name]), np.nan, np.float64)
        failures = [outcomes["failures"][at] if at >= 0 else None for at in from_wire(outcomes["failure"]).tolist()]
        put("failure", _objects(failures), None, object)
        put("evaluator", _objects(outcomes["source"]), None, object)
        if "evaluation" in outcomes:
            put("evaluation", from_wire(outcomes["evaluation"]), 0, np.int64)
        if outcomes["crystal"] is not None:
            put("crystal", _objects(outcomes["crystal"]), None, object)
        ends = np.cumsum(from_wire(outcomes["site_counts"]))[:-1]
        fillings = np.split(from_wire(outcomes["elements"]), ends)
        put("elements", _objects(fillings), None, object)
        if outcomes["true_elements"] is not None:
            put("true_elements", _objects(np.split(from_wire(outcomes["true_elements"]), ends)), None, object)
        infos["outcome"], infos["_outcome"] = judged, mask
        if self.autoreset_mode == AutoresetMode.SAME_STEP:
            last = [self._layout.final(int(one), filling) for one, filling in zip(env, fillings)]
            column = np.full(self.num_envs, None, object)
            column[env] = _objects(last)
            infos["final_obs"], infos["_final_obs"] = column, mask
            infos["final_info"], infos["_final_info"] = {"outcome": judged, "_outcome": mask}, mask

    def _mask_of(self, env: NDArray[np.int32]) -> NDArray[np.bool_]:
        mask = np.zeros(self.num_envs, np.bool_)
        mask[env] = True
        return mask

    def action_masks(self) -> NDArray[np.bool_]:
        """The allowed actions, bool [n, 88]."""
        return self._mask.astype(np.bool_)

    def evaluation(self, evaluation: int, *, timeout: float | None = None) -> DeferredReward:
        """Waits for a deferred reward, a number of ``infos["outcome"]["evaluation"]`` with ``rewards="defer"``."""
        return self.client.evaluation(evaluation, timeout=timeout)

    def render(self) -> tuple[str, ...] | None:  # type: ignore[override]
        """The crystals as they stand, as CIF."""
        if self.render_mode is None:
            return None
        return tuple(self.crystal(env) for env in range(self.num_envs))

    def crystal(self, env: int, format: str = "cif") -> str:
        """The crystal of an environment as it stands, as text: ``cif``, ``poscar`` or ``json``."""
        return self._handle.request("render", env=env, format=format)["text"]  # type: ignore[no-any-return]

    def close_extras(self, **kwargs: Any) -> None:
        self._handle.close()


def _autoreset_mode(mode: AutoresetMode | str) -> AutoresetMode:
    if isinstance(mode, AutoresetMode):
        return mode
    by_name = {one.name.lower(): one for one in AutoresetMode}
    name = mode.lower().replace("-", "_")
    if name not in by_name:
        raise ValueError(f"autoreset_mode={mode!r} is none (choose {', '.join(by_name)})")
    return by_name[name]


def _objects(values: Sequence[Any]) -> NDArray[Any]:
    """An array of objects, which may be arrays themselves."""
    column = np.empty(len(values), object)
    for place, value in enumerate(values):
        column[place] = value
    return column
