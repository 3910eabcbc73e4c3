"""Child processes that are asked line by line, or run once, always with a time limit."""

from __future__ import annotations

import json
import os
import select
import subprocess
import tarfile
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class ProcessError(Exception):
    """A child failed, fell silent or answered nonsense; the text says which, with the end of what it wrote."""


@dataclass
class Finished:
    """What a child that ran to its end gave."""

    status: int
    stdout: str
    stderr: str
    seconds: float


def tail(text: str, length: int = 600) -> str:
    """The end of a text."""
    text = text.strip()
    return text if len(text) <= length else "... " + text[-length:]


def run(command: list[str], timeout: float, env: dict[str, str] | None = None) -> Finished:
    """Runs a command to its end. ProcessError where it does not start or takes too long; its status is the caller's."""
    start = time.monotonic()
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=max(timeout, 0.1),
            errors="replace",
            env={**os.environ, **(env or {})},
        )
    except subprocess.TimeoutExpired as error:
        raise ProcessError(f"{' '.join(command[:3])} ...: not done after {timeout:.0f} s") from error
    except OSError as error:
        raise ProcessError(f"{command[0]}: {error}") from error
    return Finished(done.returncode, done.stdout, done.stderr, time.monotonic() - start)


class Worker:
    """A child that answers each line it is sent by one line of JSON. Use as a context manager: leaving it ends it."""

    def __init__(self, name: str, command: list[str], timeout: float, env: dict[str, str] | None = None) -> None:
        """Starts the child and waits for its first line, kept in `ready`."""
        self.name = name
        self._stderr = tempfile.TemporaryFile("w+", errors="replace")
        self._child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env={**os.environ, **(env or {})},
        )
        self._rest = b""
        try:
            self.ready = self._read(timeout)
        except ProcessError:
            self.close()
            raise

    def ask(self, line: str, timeout: float) -> Any:
        """Sends a line and returns the answer."""
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(line.encode() + b"\n")
            self._child.stdin.flush()
        except OSError as error:
            raise self._error("has ended") from error
        return self._read(timeout)

    def _read(self, timeout: float) -> Any:
        """The next line that is JSON; others are a library's chatter."""
        assert self._child.stdout is not None
        end = time.monotonic() + timeout
        while True:
            line, found, rest = self._rest.partition(b"\n")
            if not found:
                self._fill(end)
                continue
            self._rest = rest
            try:
                return json.loads(line)
            except ValueError:
                continue

    def _fill(self, end: float) -> None:
        assert self._child.stdout is not None
        ready, _, _ = select.select([self._child.stdout], [], [], max(0.0, end - time.monotonic()))
        if not ready:
            raise self._error("gave no answer in time")
        data = os.read(self._child.stdout.fileno(), 1 << 16)
        if not data:
            raise self._error(f"ended with status {self._child.wait()}")
        self._rest += data

    def _error(self, what: str) -> ProcessError:
        self._stderr.seek(0)
        return ProcessError(f"{self.name} {what}: {tail(self._stderr.read())}")

    def close(self) -> None:
        """Ends the child."""
        self._child.kill()
        self._child.wait()
        self._stderr.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *unused: object) -> None:
        self.close()


def unpack(archive: Path, folder: Path) -> None:
    """Unpacks a .tar.xz."""
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
