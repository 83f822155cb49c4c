from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

import unitcell

TWO, THREE = "reference-lif-rocksalt", "reference-caf2-fluorite"
Li, O, F, Ca = 2, 7, 8, 19


@pytest.mark.parametrize("observation", ["padded", "graph"])
def test_a_vector_shows_what_its_environments_show_alone(url: str, observation: str) -> None:
    vector = gymnasium.make_vec("unitcell/CrystalFill-v1", num_envs=3, url=url, observation=observation)
    assert isinstance(vector.unwrapped, unitcell.CrystalFillVectorEnv)
    batch, infos = vector.reset(seed=20)
    assert vector.observation_space.contains(batch)
    assert infos["seed"].tolist() == [20, 21, 22] and infos["_seed"].all()
    for i in range(3):
        single = unitcell.CrystalFillEnv(url, observation=observation)
        alone, _ = single.reset(seed=20 + i)
        for name in alone:
            if name == "graph":
                for one, other in zip(batch[name][i], alone[name]):
                    np.testing.assert_array_equal(one, other)
            else:
                np.testing.assert_array_equal(batch[name][i], alone[name])
        single.close()
    vector.close()


def test_next_step_resets_in_the_step_after_an_end(url: str) -> None:
    vector = unitcell.CrystalFillVectorEnv(2, url)
    assert vector.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    vector.reset(seed=1, options={"crystal": [TWO, THREE]})
    vector.step([Li, Ca])
    observation, rewards, terminated, truncated, infos = vector.step([F, F])
    assert terminated.tolist() == [True, False] and not truncated.any()
    assert rewards[0] > 0 and rewards[1] == 0
    assert infos["_outcome"].tolist() == [True, False]
    assert infos["outcome"]["crystal"][0] == TWO and infos["outcome"]["elements"][0].tolist() == [Li, F]
    assert "final_obs" not in infos
    observation, rewards, terminated, _, infos = vector.step(np.array([88, F]))
    assert terminated.tolist() == [False, True] and rewards[0] == 0
    assert observation["step"][0] == [0] and infos["_seed"].tolist() == [True, False]
    vector.close()


def test_same_step_keeps_the_last_observation_in_final_obs(url: str) -> None:
    vector = unitcell.CrystalFillVectorEnv(2, url, autoreset_mode=AutoresetMode.SAME_STEP)
    first, _ = vector.reset(seed=1, options={"crystal": TWO})
    vector.step([Li, Li])
    observation, _, terminated, _, infos = vector.step([F, O])
    assert terminated.all() and (observation["step"] == 0).all()
    final = infos["final_obs"][1]
    assert vector.single_observation_space.contains(final)
    assert final["elements"][:2].tolist() == [Li, O] and final["focus"] == [-1]
    np.testing.assert_array_equal(final["lattice"], first["lattice"][1])
    np.testing.assert_array_equal(final["order"], first["order"][1])
    vector.close()


def test_disabled_waits_for_a_reset_by_mask(url: str) -> None:
    vector = unitcell.CrystalFillVectorEnv(2, url, autoreset_mode="disabled")
    vector.reset(seed=1, options={"crystal": [TWO, THREE]})
    vector.step([Li, Ca])
    vector.step([F, F])
    with pytest.raises(unitcell.ResetNeeded):
        vector.step([F, F])
    observation, infos = vector.reset(seed=[9, 9], options={"reset_mask": np.array([True, False]), "crystal": [TWO]})
    assert observation["step"].ravel().tolist() == [0, 2] and infos["_seed"].tolist() == [True, False]
    assert vector.step([Li, F])[2].tolist() == [False, True]
    vector.close()


def test_masks_are_by_environment(url: str) -> None:
    vector = unitcell.CrystalFillVectorEnv(2, url, constraints={"elements": ["Li", "F"], "max_elements": 1})
    _, infos = vector.reset(seed=1, options={"crystal": TWO})
    assert infos["action_mask"].shape == (2, 88) and infos["_action_mask"].all()
    vector.step([Li, F])
    assert [np.flatnonzero(row).tolist() for row in vector.action_masks()] == [[Li], [F]]
    vector.close()


def test_fractions_and_wrong_numbers_of_actions_are_refused(url: str) -> None:
    vector = unitcell.CrystalFillVectorEnv(2, url)
    vector.reset(seed=1)
    with pytest.raises(unitcell.InvalidMessage):
        vector.step([0.5, 1.0])
    with pytest.raises(unitcell.InvalidAction):
        vector.step([1])
    with pytest.raises(ValueError, match="None"):
        vector.reset(seed=[1, None])
    vector.close()


def test_two_vectors_on_one_connection_may_be_stepped_at_once(client: unitcell.Client) -> None:
    handles = [client.request("make", environment="CrystalFill-v1", count=2)["handle"] for _ in range(2)]
    for handle in handles:
        client.request("reset", handle=handle, seed=1)
    calls = [client.begin("step", handle=handle, actions=[1, 2]) for handle in handles for _ in range(100)]
    results = [client.finish(call) for call in reversed(calls)]
    assert len(results) == 200


def test_recording_wrappers_of_gymnasium_work_on_it(url: str) -> None:
    vector = gymnasium.wrappers.vector.RecordEpisodeStatistics(unitcell.CrystalFillVectorEnv(2, url))
    vector.reset(seed=1, options={"crystal": TWO})
    vector.step(np.array([Li, Li]))
    _, _, _, _, infos = vector.step(np.array([F, F]))
    assert infos["episode"]["l"].tolist() == [2, 2]
    vector.close()
