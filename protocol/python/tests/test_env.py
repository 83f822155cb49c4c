from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import unitcell

LIF = "reference-lif-rocksalt"
Li, O, F = 2, 7, 8


@pytest.mark.parametrize("observation", ["padded", "graph"])
@pytest.mark.filterwarnings("error:.*not within the observation space.*")
def test_gymnasiums_checker_accepts_the_environment(url: str, observation: str) -> None:
    env = gymnasium.make("unitcell/CrystalFill-v1", url=url, observation=observation, reward={"target": 1.12})
    check_env(env.unwrapped)
    env.close()


def test_an_episode_ends_with_the_reward_of_eq_7(url: str) -> None:
    env = gymnasium.make("unitcell/CrystalFill-v1", url=url, reward={"target": 2.0})
    observation, info = env.reset(seed=7, options={"crystal": LIF})
    assert info["seed"] == 7 and info["sites"] == 2
    assert observation["elements"][:2].tolist() == [88, 88] and observation["site_mask"].sum() == 2
    observation, reward, terminated, truncated, _ = env.step(Li)
    assert (reward, terminated, truncated) == (0.0, False, False)
    observation, reward, terminated, _, info = env.step(F)
    outcome = info["outcome"]
    assert terminated and observation["focus"] == [-1] and outcome["failure"] is None
    gap, energy = outcome["band_gap_ev"], outcome["total_energy_ry"]
    assert reward == pytest.approx(np.log10(-energy) + 5 * np.exp(-((gap - 2.0) ** 2) / 3))
    assert outcome["crystal"] == LIF and outcome["elements"].tolist() == [Li, F]
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(1)
    env.close()


def test_a_filling_without_a_label_has_the_failure_reward_and_says_why(url: str) -> None:
    env = gymnasium.make("unitcell/CrystalFill-v1", url=url)
    env.reset(seed=1, options={"crystal": LIF})
    env.step(O)
    _, reward, _, _, info = env.step(O)
    assert reward == -1 and info["outcome"]["failure"]["class"] == "unlabelled"
    env.close()


def test_the_same_seed_gives_the_same_episode_over_both_encodings(url: str) -> None:
    observations = []
    for encoding in ("msgpack", "json"):
        env = unitcell.CrystalFillEnv(url, encoding=encoding)
        observations.append([env.reset(seed=3)[0], env.step(5)[0]])
        env.close()
    for one, other in zip(*observations):
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])


def test_observations_that_were_given_out_stay_as_they_were(url: str) -> None:
    env = unitcell.CrystalFillEnv(url)
    first, _ = env.reset(seed=1)
    kept = {name: values.copy() for name, values in first.items()}
    for seed in range(5):
        env.step(1)
        env.reset(seed=seed)
    for name in first:
        np.testing.assert_array_equal(first[name], kept[name])
    env.close()


def test_the_graph_is_the_padded_arrays_without_the_padding(url: str) -> None:
    padded, graphs = unitcell.CrystalFillEnv(url), unitcell.CrystalFillEnv(url, observation="graph")
    a, _ = padded.reset(seed=5)
    b, _ = graphs.reset(seed=5)
    sites, edges = int(a["site_mask"].sum()), int(a["edge_mask"].sum())
    nodes, links = b["graph"].nodes, b["graph"].edge_links
    assert nodes.shape == (sites, 5) and links.shape == (2 * edges, 2)
    np.testing.assert_array_equal(nodes[:, 2:], a["frac_coords"][:sites])
    np.testing.assert_array_equal(links[:edges], a["edges"][:edges])
    assert nodes[a["focus"][0], 1] == 1 and nodes[:, 1].sum() == 1
    # An edge is as long as its ends, and the image of the second, say.
    position = (a["frac_coords"][links[:, 1]] + b["graph"].edges[:, 1:] - a["frac_coords"][links[:, 0]]) @ a["lattice"]
    np.testing.assert_allclose(np.linalg.norm(position, axis=1), b["graph"].edges[:, 0], rtol=1e-5)
    data = unitcell.to_pyg(graphs.graph, nodes[:, 0], int(a["focus"][0]))
    assert data["edge_index"].shape == (2, 2 * edges) and data["x"].shape == (sites, 2)
    padded.close()
    graphs.close()


def test_masks_follow_the_constraints(url: str) -> None:
    env = gymnasium.make("unitcell/CrystalFill-v1", url=url, constraints={"formula": {"Li": 1, "F": 1}})
    _, info = env.reset(seed=1, options={"crystal": LIF})
    assert np.flatnonzero(info["action_mask"]).tolist() == [Li, F]
    assert env.action_space.contains(env.action_space.sample(mask=info["action_mask"]))
    with pytest.raises(unitcell.MaskedAction):
        env.step(O)
    _, _, _, _, info = env.step(F)
    assert np.flatnonzero(env.unwrapped.action_masks()).tolist() == [Li]
    env.close()


def test_narrowing_the_elements_at_reset_needs_masks(url: str) -> None:
    env = unitcell.CrystalFillEnv(url)
    with pytest.raises(ValueError, match="action_masks=True"):
        env.reset(options={"elements": ["O"]})
    env.close()
    env = unitcell.CrystalFillEnv(url, action_masks=True)
    _, info = env.reset(options={"elements": ["O"]})
    assert np.flatnonzero(info["action_mask"]).tolist() == [O]
    env.close()


def test_a_structure_of_ones_own_may_be_numpy_arrays(url: str) -> None:
    env = unitcell.CrystalFillEnv(url, render_mode="ansi")
    structure = {"lattice": 4 * np.eye(3), "frac_coords": np.array([[0, 0, 0], [0.5, 0.5, 0.5]])}
    observation, info = env.reset(seed=1, options={"structure": structure})
    np.testing.assert_array_equal(observation["lattice"], structure["lattice"].astype(np.float32))
    assert info["split"] is None
    env.step(np.int64(O))
    assert "_cell_length_a" in env.render() and "\nO X\n" in env.crystal("poscar")
    env.close()


@pytest.mark.parametrize("action", [88, -1])
def test_an_action_that_is_no_element_is_refused_by_name_and_changes_nothing(url: str, action: int) -> None:
    env = unitcell.CrystalFillEnv(url)
    env.reset(seed=1)
    with pytest.raises(unitcell.InvalidAction) as caught:
        env.step(action)
    assert isinstance(caught.value, gymnasium.error.InvalidAction)
    assert env.step(1)[0]["step"] == [1]
    env.close()


def test_unknown_options_and_splits_are_refused_and_the_known_are_named(url: str) -> None:
    with pytest.raises(unitcell.InvalidMessage, match="sitez"):
        unitcell.CrystalFillEnv(url, sitez="file")
    with pytest.raises(unitcell.ProtocolError, match="known: train, val"):
        unitcell.CrystalFillEnv(url, split="dev")
    with pytest.raises(ValueError, match="padded or graph"):
        unitcell.CrystalFillEnv(url, observation="tensor")


def test_a_crystal_that_does_not_fit_is_refused_with_the_way_out(url: str) -> None:
    env = unitcell.CrystalFillEnv(url, max_sites=1)
    with pytest.raises(unitcell.CrystalTooLarge, match="larger max_sites"):
        env.reset(seed=1)
    env.close()


def test_padded_arrays_are_as_large_as_the_largest_crystal_of_the_data_set(url: str) -> None:
    env = unitcell.CrystalFillEnv(url)
    splits = env.client.server["datasets"][0]["splits"].values()
    assert env.observation_space["elements"].shape == (max(split["max_sites"] for split in splits),)
    assert env.observation_space["distances"].shape == (max(split["max_edges"] for split in splits),)
    env.close()


def test_environments_share_a_connection_that_is_given(client: unitcell.Client) -> None:
    envs = [unitcell.CrystalFillEnv(client=client) for _ in range(3)]
    for seed, env in enumerate(envs):
        env.reset(seed=seed)
        env.close()
    assert client.is_open


def test_without_a_url_a_server_is_started_on_this_machine() -> None:
    env = gymnasium.make("unitcell/CrystalFill-v1")
    env.reset(seed=1)
    env.step(3)
    env.close()
    unitcell.local_server().stop()
