"""``python -m unitcell``: ping a server, play it at random, measure it."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from typing import Any

import numpy as np

from . import __version__
from .client import connect
from .errors import UnitcellError
from .local_server import local_server
from .vector import CrystalFillVectorEnv


def _whole(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m unitcell", description=__doc__.split(": ", 1)[1])  # type: ignore[union-attr]
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("ping", "say what a server is, and how far away"),
        ("play", "fill crystals at random, and write them as unitcell-agent does"),
        ("bench", "environment steps per second of a vector"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--url", help="of the server; left out: one is started on this machine")
        command.add_argument("--token", help="secret of the server (default: $UNITCELL_TOKEN)")
        command.add_argument("--encoding", choices=("msgpack", "json"), default="msgpack")
        if name != "ping":
            command.add_argument("--split", help="split of the data set (default: its first)")
            command.add_argument("--num-envs", type=_whole, default=64, help="environments stepped together")
            command.add_argument("--seed", type=int, default=0)
        if name == "play":
            command.add_argument("--episodes", type=_whole, default=100)
            command.add_argument("--out", help="file of JSON lines")
        if name == "bench":
            command.add_argument("--seconds", type=float, default=3.0)
            command.add_argument("--observation", choices=("padded", "graph"), default="padded")
    return parser


def _ping(arguments: argparse.Namespace) -> None:
    url = arguments.url or local_server().url
    with connect(url, token=arguments.token, encoding=arguments.encoding) as client:
        server = client.server
        trips = sorted(client.ping() for _ in range(20))
        print(f"{client.url}: {server['server']['name']} {server['server']['version']}, protocol {server['protocol']}")
        for dataset in server["datasets"]:
            splits = ", ".join(f"{name} {split['crystals']}" for name, split in dataset["splits"].items())
            print(f"data set {dataset['name']}: {splits} crystals, hash {dataset['hash'][:16]}")
        print(f"round trip {1e3 * trips[10]:.2f} ms, median of 20")


def _make(arguments: argparse.Namespace, **options: Any) -> CrystalFillVectorEnv:
    if arguments.split is not None:
        options["split"] = arguments.split
    return CrystalFillVectorEnv(
        arguments.num_envs, arguments.url, token=arguments.token, encoding=arguments.encoding, **options
    )


def _play(arguments: argparse.Namespace) -> None:
    arguments.num_envs = min(arguments.num_envs, arguments.episodes)
    env = _make(arguments, autoreset_mode="same_step", select="sequential")
    symbols = np.array([*env.client.elements, "X"])
    random = np.random.default_rng(arguments.seed)
    lines: list[str] = []
    rewards: list[float] = []
    _, infos = env.reset(seed=arguments.seed)
    seeds, places = infos["seed"].copy(), infos["crystal_index"].copy()
    while len(rewards) < arguments.episodes:
        _, reward, terminated, _, infos = env.step(random.integers(0, 88, env.num_envs))
        for i in np.flatnonzero(terminated)[: arguments.episodes - len(rewards)].tolist():
            outcome = infos["outcome"]
            rewards.append(float(reward[i]))
            true = outcome["true_elements"][i] if "true_elements" in outcome else None
            line = {
                "id": outcome["crystal"][i] if "crystal" in outcome else f"{env.options['split']}-{places[i]}",
                "agent": "random-python",
                "split": env.options["split"],
                "index": int(places[i]),
                "seed": int(seeds[i]),
                "generated_species": symbols[outcome["elements"][i]].tolist(),
                "true_species": None if true is None or (true == 88).any() else symbols[true].tolist(),
                "reward": float(reward[i]),
                "failure": outcome["failure"][i],
            }
            lines.append(json.dumps(line) + "\n")
        if "seed" in infos:
            seeds[infos["_seed"]] = infos["seed"][infos["_seed"]]
            places[infos["_seed"]] = infos["crystal_index"][infos["_seed"]]
    env.close()
    print(f"{len(rewards)} crystals filled, seed {arguments.seed}; mean reward {np.mean(rewards):.4f}")
    if arguments.out is not None:
        temporary = f"{arguments.out}.partial-{os.getpid()}"
        with open(temporary, "w", encoding="utf-8") as file:
            file.writelines(lines)
        os.replace(temporary, arguments.out)
        print(f"written to {arguments.out}; score it: unitcell-eval metrics {arguments.out}")


def _bench(arguments: argparse.Namespace) -> None:
    env = _make(arguments, observation=arguments.observation)
    actions = np.random.default_rng(arguments.seed).integers(0, 88, (97, env.num_envs))
    env.reset(seed=arguments.seed)
    for k in range(97):
        env.step(actions[k])
    steps, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < arguments.seconds:
        env.step(actions[steps % 97])
        steps += 1
    rate = steps * env.num_envs / (time.perf_counter() - begin)
    env.close()
    print(json.dumps({"num_envs": env.num_envs, "steps_per_second": round(rate), "encoding": arguments.encoding}))


def main(argv: list[str] | None = None) -> int:
    """Runs a command; the exit code."""
    arguments = _parser().parse_args(argv)
    try:
        {"ping": _ping, "play": _play, "bench": _bench}[arguments.command](arguments)
    except (UnitcellError, OSError) as error:
        print(f"unitcell: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
