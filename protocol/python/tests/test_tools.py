from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

import unitcell
from unitcell.__main__ import main
from unitcell.codec import CODECS, from_wire, to_wire
from unitcell.local_server import project_root

VECTORS = Path(__file__).parents[2] / "conformance" / "vectors"


@pytest.mark.parametrize("encoding", ["msgpack", "json"])
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "uint16", "int32", "float32", "float64"])
def test_arrays_come_back_as_they_were(encoding: str, dtype: str) -> None:
    array = np.arange(6).reshape(2, 3).astype(dtype)
    codec = CODECS[encoding]
    back = from_wire(codec.decode(codec.encode({"a": to_wire(array)}))["a"])
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


def test_a_dtype_the_wire_does_not_have_is_refused() -> None:
    with pytest.raises(TypeError, match="convert to one of"):
        to_wire(np.arange(3))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set imported from the built-in crystals."""
    folder = tmp_path_factory.mktemp("data") / "set"
    root = project_root()
    crystals = root / "datasets" / "reference" / "sssp" / "crystals.jsonl"
    command = ["node", root / "datasets" / "bin.js", "import", "--out", folder, "--split", f"all={crystals}"]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def test_a_data_set_is_numpy_arrays(folder: Path) -> None:
    data = unitcell.DataSet(folder)
    crystals = data.split("all", verify=True)
    rows = [json.loads(line) for line in open(project_root() / "datasets" / "reference" / "sssp" / "crystals.jsonl")]
    assert data.splits == ["all"] and len(crystals) == len(rows)
    for crystal, row in zip(crystals, rows):
        assert crystal.id == row["id"] and len(crystal.elements) == len(row["species"])
        assert crystal.total_energy_ry == row["total_energy_ry"]
        i, j = crystal.edges.T
        steps = (crystal.frac_coords[j] + crystal.images - crystal.frac_coords[i]) @ crystal.lattice
        np.testing.assert_allclose(np.linalg.norm(steps, axis=1), crystal.distances, atol=1e-9)
    assert crystals.arrays["labels"].shape == (len(rows), 3)
    assert crystals[-1].id == rows[-1]["id"]
    with pytest.raises(IndexError):
        crystals[len(rows)]


def test_damaged_and_missing_data_sets_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(unitcell.DataSetError, match="unitcell-data import made"):
        unitcell.DataSet(tmp_path)
    with pytest.raises(unitcell.DataSetError, match="known: all"):
        unitcell.DataSet(folder).split("val")
    (tmp_path / "manifest.json").write_text((folder / "manifest.json").read_text())
    (tmp_path / "all.safetensors").write_bytes((folder / "all.safetensors").read_bytes()[:1000])
    with pytest.raises(unitcell.DataSetError, match="not what its manifest says"):
        unitcell.DataSet(tmp_path).split("all", verify=True)
    with pytest.raises(unitcell.DataSetError, match="cannot be read"):
        unitcell.DataSet(tmp_path).split("all")


def test_ping_play_and_bench(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ping", "--url", url]) == 0
    assert "protocol 1." in capsys.readouterr().out
    out = tmp_path / "random.jsonl"
    play = ["play", "--url", url, "--split", "val", "--episodes", "30", "--seed", "4", "--out", str(out)]
    assert main(play) == 0
    text = out.read_text()
    assert main(play) == 0 and out.read_text() == text
    lines = [json.loads(line) for line in text.splitlines()]
    assert len(lines) == 30 and all(len(line["generated_species"]) == len(line["true_species"]) for line in lines)
    scored = subprocess.run(
        ["node", project_root() / "evaluation" / "bin.js", "metrics", out, "--json"], capture_output=True, check=True
    )
    assert json.loads(scored.stdout)["crystals"] == 30
    capsys.readouterr()
    assert main(["bench", "--url", url, "--seconds", "0.2", "--num-envs", "8"]) == 0
    assert json.loads(capsys.readouterr().out)["steps_per_second"] > 0


def test_errors_are_one_line_and_an_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ping", "--url", "ftp://x"]) == 1
    assert capsys.readouterr().err == "unitcell: error: 'ftp://x' is no address (give e.g. ws://127.0.0.1:8787)\n"


def test_vectors_are_byte_identical() -> None:
    vectors = [vector for file in sorted(VECTORS.glob("*.json")) for vector in json.loads(file.read_text())]
    assert len(vectors) > 15
    msgpack, text = CODECS["msgpack"], CODECS["json"]
    for vector in vectors:
        message = text.decode(json.dumps(vector["message"]).encode())
        assert msgpack.encode(message).hex() == vector["msgpack"], vector["name"]
        assert text.encode(message).decode() == vector["json"], vector["name"]
        for frame in (vector["msgpack"], *vector["msgpack_also"]):
            assert msgpack.decode(bytes.fromhex(frame)) == message, vector["name"]
