"""Chat templates of public checkpoints, rendered as `transformers` does.

A template is a program that came with a checkpoint. It runs in a process of
its own, see `chat_worker`, and whatever goes wrong in it is one line that
names the file it came from.
"""

import atexit
import dataclasses
import json
import os
import pathlib
import select
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from prm_jax import errors

# {"role": "user", "content": "..."}
Message: TypeAlias = Mapping[str, Any]

SECONDS = 20.0  # for one conversation; a template takes milliseconds
_WORKER = pathlib.Path(__file__).with_name("chat_worker.py")
_LONGEST_TOLD = 160  # characters of a template's own complaint


@dataclasses.dataclass(frozen=True)
class ChatTemplate:
  """A template and the file it was found in.

  Attributes:
    source: jinja2.
    where: for messages, such as `DIR/tokenizer_config.json: chat_template`.
  """

  source: str
  where: str

  def render(
    self,
    messages: Sequence[Message],
    *,
    special_tokens: Mapping[str, str],
    add_generation_prompt: bool,
    values: Mapping[str, Any] | None = None,
  ) -> str:
    """The conversation as text.

    Args:
      messages: of the conversation, plain JSON values.
      special_tokens: name -> text, such as `bos_token`.
      add_generation_prompt: whether the text ends where the assistant begins.
      values: further variables of the template, such as `enable_thinking`.

    Raises:
      UserError: the template is broken, does what the sandbox forbids, takes
        too long or too much memory, or refuses the conversation.
    """
    variables = {**special_tokens, **(values or {})}
    variables |= {
      "messages": list(messages),
      "tools": None,
      "documents": None,
      "add_generation_prompt": add_generation_prompt,
    }
    found = _worker.ask({"source": self.source, "variables": variables})
    if found is None:
      raise errors.UserError(
        f"{self.where}: refused, it takes more than {SECONDS:g} seconds or too "
        "much memory"
      )
    if "text" in found:
      return str(found["text"])
    told = " ".join(str(found["error"]).split())[:_LONGEST_TOLD]
    if found["is_unsafe"]:
      raise errors.UserError(
        f"{self.where}: refused, it is not safe to run ({told})"
      )
    raise errors.UserError(f"{self.where}: cannot be rendered ({told})")


class _Worker:
  """The process that renders; started when it is needed, anew if it died."""

  def __init__(self) -> None:
    self._process: subprocess.Popen[bytes] | None = None
    self._owner = 0
    self._lock = threading.Lock()

  def ask(self, question: Mapping[str, Any]) -> dict[str, Any] | None:
    """The worker's answer; None where it took too long or died."""
    with self._lock:
      answer = self._exchange(json.dumps(question).encode() + b"\n")
      if answer.endswith(b"\n"):
        return json.loads(answer)
      self.close()
      return None

  def _exchange(self, line: bytes) -> bytes:
    """A line out, a line in; an unfinished one where the worker failed."""
    process = self._running()
    assert process.stdin is not None
    assert process.stdout is not None
    try:
      process.stdin.write(line)
      process.stdin.flush()
    except BrokenPipeError:
      return b""
    if not select.select([process.stdout], [], [], SECONDS)[0]:
      return b""
    return process.stdout.readline()

  def _running(self) -> subprocess.Popen[bytes]:
    # A forked process would share its parent's pipes.
    if self._process is None or self._owner != os.getpid():
      self._process = subprocess.Popen(
        [sys.executable, "-I", str(_WORKER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
      )
      self._owner = os.getpid()
      assert self._process.stdout is not None
      self._process.stdout.readline()  # it is ready
    return self._process

  def close(self) -> None:
    """Ends the process; the next question starts another."""
    if self._process is not None and self._owner == os.getpid():
      self._process.kill()
      self._process.wait()
      for pipe in (self._process.stdin, self._process.stdout):
        assert pipe is not None
        pipe.close()
    self._process = None


_worker = _Worker()
atexit.register(_worker.close)
