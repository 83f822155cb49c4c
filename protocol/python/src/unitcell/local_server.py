"""A server on this machine, for programs that name none."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import subprocess
from pathlib import Path

from .errors import LocalServerError

# The server ends with this program, however it ends: then its standard input is closed.
_END_WITH_PARENT = "data:text/javascript,process.stdin.on('end',()=>process.exit(0)).resume().unref()"

#: How long a server that was told to stop may take.
_PATIENCE_SECONDS = 5.0

_running: dict[tuple[bool, tuple[str, ...]], "LocalServer"] = {}


def project_root() -> Path:
    """The folder of the project: ``$UNITCELL_HOME``, else above this package or the working folder.

    Raises:
        LocalServerError: it is nowhere.
    """
    home = os.environ.get("UNITCELL_HOME")
    starts = [Path(home)] if home else [Path(__file__).resolve(), Path.cwd()]
    for start in starts:
        for folder in [start, *start.parents]:
            if (folder / "env" / "bin.js").is_file():
                return folder
    where = f"in {home}" if home else "above this package or the working folder"
    raise LocalServerError(f"no unitcell project {where} (pass url=..., or set UNITCELL_HOME to its folder)")


class LocalServer:
    """A server process with a port of its own; stopped at the end of the program.

    Args:
        data: data-set folders, or ``builtin``.
        dft: calculate rewards that no label has, with Quantum Espresso on this machine.

    Raises:
        LocalServerError: Node or the project is missing, or the server does not start.
    """

    def __init__(self, data: tuple[str, ...] = ("builtin",), *, dft: bool = False) -> None:
        node = shutil.which("node")
        if node is None:
            raise LocalServerError("node is not installed (install Node 20.19 or newer, or pass url=...)")
        root = project_root()
        if not (root / "env" / "dist").is_dir():
            raise LocalServerError(f"the project in {root} is not built (run: npm install, in that folder)")
        command = [node, "--import", _END_WITH_PARENT, str(root / "env" / "bin.js"), "serve", "--port", "0"]
        command.append("--dft" if dft else "--no-dft")
        for folder in data:
            command += ["--data", folder]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        atexit.register(self.stop)
        self.url = self._address()

    def _address(self) -> str:
        assert self._process.stdout is not None and self._process.stderr is not None
        for line in self._process.stdout:
            found = re.search(r"listening on (ws://\S+)", line)
            if found is not None:
                return found[1]
        message = self._process.stderr.read().strip() or "it said nothing"
        raise LocalServerError(f"the local server did not start: {message}")

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        """Stops it, and waits until it has ended."""
        atexit.unregister(self.stop)
        self._process.terminate()
        try:
            self._process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()


def local_server(*data: str, dft: bool = False) -> LocalServer:
    """The server of this program for these data sets, started when it is first asked for."""
    key = (dft, data or ("builtin",))
    server = _running.get(key)
    if server is None or not server.is_running:
        server = _running[key] = LocalServer(key[1], dft=dft)
    return server
