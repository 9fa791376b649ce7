"""A few killable processes that answer requests in any order.

One thread talks to all of them. A process that exceeds its limits is gone,
its request has the reply "timeout", "memory" or "crash", and a new process
takes its place; none outlives this one. A process may be ended by others, too,
so a request has to lose two of them to be a crash.
"""

import collections
import contextlib
import dataclasses
import json
import pathlib
import signal
import socket
import subprocess
import sys
import time
import weakref
from collections.abc import Mapping, Sequence
from multiprocessing import connection
from typing import Any, TypeAlias

from prm_jax import errors
from prm_jax.tasks import grading_worker

Request: TypeAlias = Mapping[str, Any]
Reply: TypeAlias = Mapping[str, Any]

_SCRIPT = pathlib.Path(grading_worker.__file__)
_START_SECONDS = 120.0
_LOST: Mapping[int, str] = {
  signal.SIGPROF: "timeout",
  signal.SIGALRM: "timeout",
}


@dataclasses.dataclass
class _Process:
  """One process, and the request that it is at."""

  process: subprocess.Popen[bytes]
  link: connection.Connection
  deadline: float
  ready: bool = False
  task: int | None = None

  def kill(self) -> None:
    self.process.kill()
    self.process.wait()
    self.link.close()


class Pool:
  """Processes that start with the first request.

  Args:
    num_workers: how many.
    seconds: processor time of one request.
    memory_mb: address space of a process.
  """

  def __init__(self, num_workers: int, seconds: float, memory_mb: int):
    self._num_workers = num_workers
    self._seconds, self._memory_mb = seconds, memory_mb
    self._running: list[_Process] = []
    # Runs at the latest when the interpreter ends.
    self._finalizer = weakref.finalize(self, _kill_all, self._running)
    self.num_restarts = 0

  def ask(self, requests: Sequence[Request]) -> list[Reply]:
    """One reply per request.

    Raises:
      UserError: the processes do not start.
    """
    replies: dict[int, Reply] = {}
    crashed: set[int] = set()
    waiting = collections.deque(range(len(requests)))
    try:
      while len(replies) < len(requests):
        self._remove_dead()
        wanted = min(self._num_workers, len(waiting) + self._num_busy())
        while len(self._running) < wanted:
          self._running.append(self._start())
        for process in self._running:
          if process.ready and process.task is None and waiting:
            self._give(process, waiting.popleft(), requests)
        for task, reply in self._listen():
          if reply.get("outcome") == "crash" and task not in crashed:
            crashed.add(task)
            waiting.append(task)
          else:
            replies[task] = reply
    except BaseException:  # what was under way would be the next one's reply
      self.close()
      raise
    return [replies[i] for i in range(len(requests))]

  def _remove_dead(self) -> None:
    """Processes without work that somebody else has ended."""
    for process in list(self._running):
      if process.task is None and process.process.poll() is not None:
        self._remove(process)

  def pids(self) -> list[int]:
    return [process.process.pid for process in self._running]

  def close(self) -> None:
    """Kills the processes; the next request starts new ones."""
    _kill_all(self._running)

  def _num_busy(self) -> int:
    return sum(process.task is not None for process in self._running)

  def _start(self) -> _Process:
    mine, theirs = socket.socketpair()
    with theirs:
      command = [
        *(sys.executable, "-P", str(_SCRIPT)),
        *(str(theirs.fileno()), str(self._seconds), str(self._memory_mb)),
      ]
      process = subprocess.Popen(
        command,
        pass_fds=(theirs.fileno(),),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
      )
    link = connection.Connection(mine.detach())
    return _Process(process, link, time.monotonic() + _START_SECONDS)

  def _give(
    self, process: _Process, task: int, requests: Sequence[Request]
  ) -> None:
    process.task = task
    patience = self._seconds * grading_worker.PATIENCE
    process.deadline = time.monotonic() + patience
    with contextlib.suppress(OSError):  # it is dead, which listening tells
      process.link.send_bytes(json.dumps(requests[task]).encode())

  def _listen(self) -> list[tuple[int, Reply]]:
    """Waits for something to happen; what came back."""
    active = [p for p in self._running if not p.ready or p.task is not None]
    left = min(p.deadline for p in active) - time.monotonic()
    ready = connection.wait([p.link for p in active], max(left, 0))
    came = []
    for process in active:
      if process.link in ready:
        reply = self._read(process)
      elif time.monotonic() >= process.deadline:
        reply = {"outcome": "timeout"}
        self._remove(process)
      else:
        continue
      if process.task is not None and reply is not None:
        came.append((process.task, reply))
        process.task = None
    return came

  def _read(self, process: _Process) -> Reply | None:
    """The reply; None where the process only says that it is ready."""
    try:
      message = process.link.recv_bytes(grading_worker.LARGEST_MESSAGE)
    except (EOFError, OSError):
      self._remove(process)
      code = process.process.returncode
      return {"outcome": _LOST.get(-code, "crash")}
    if not process.ready:
      process.ready = True
      return None
    reply: Reply = json.loads(message)
    if reply.get("outcome") == "memory":
      self._remove(process)
    return reply

  def _remove(self, process: _Process) -> None:
    # It may be about to end by itself; its own signal tells why.
    with contextlib.suppress(subprocess.TimeoutExpired):
      process.process.wait(timeout=0.2)
    process.kill()
    self._running.remove(process)
    self.num_restarts += 1
    if not process.ready:
      raise errors.UserError(
        "grading: the process that compares answers does not start; it needs "
        f"the package math-verify and grading.memory_mb, {self._memory_mb} "
        "here"
      )


def _kill_all(running: list[_Process]) -> None:
  while running:
    running.pop().kill()
