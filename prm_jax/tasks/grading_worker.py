"""The process that compares answers as algebra; killed when it takes long.

Run as a file, `python -P grading_worker.py DESCRIPTOR SECONDS MEGABYTES`, so
that it loads nothing but the library it guards. It answers one request after
the other on a socket, as JSON, and dies

  - after SECONDS of processor time on one request, by a signal that ends it
    even inside of C code, so a verdict does not depend on the machine's load;
  - at MEGABYTES of address space, after saying so;
  - when the other side is gone.
"""

import contextlib
import functools
import json
import logging
import resource
import signal
import sys
from multiprocessing import connection
from typing import Any

# Wall time may be so much longer than processor time on a busy machine.
PATIENCE = 20
LARGEST_MESSAGE = 1 << 20
# The parser gets faster with what it has seen.
_WARM_UP = (
  r"\frac{1}{2}",
  r"x^2-2x+\sqrt{3}",
  r"(1,2)",
  r"1 \pm \pi",
)


@functools.lru_cache(maxsize=1 << 12)
def parse(text: str) -> list[Any]:
  """What math-verify makes of a formula; [] if it makes nothing of it."""
  import math_verify

  # The plain-number reader would take the first number of a broken formula.
  found = math_verify.parse(
    f"${text}$",
    extraction_config=[math_verify.LatexExtractionConfig()],
    fallback_mode="no_fallback",
    parsing_timeout=None,
    raise_on_error=True,
  )
  return [part for part in found if not isinstance(part, str)]


def compare(gold: str, answer: str, any_set_relation: bool) -> str:
  """`equal`, `different` or `unparsable`; the gold answer comes first."""
  import math_verify

  wanted, found = parse(gold), parse(answer)
  if not wanted or not found:
    return "unparsable"
  same = math_verify.verify(
    wanted,
    found,
    allow_set_relation_comp=any_set_relation,
    timeout_seconds=None,
    raise_on_error=True,
  )
  return "equal" if same else "different"


def canonical(answer: str) -> str | None:
  """One text for all ways to write an answer, as far as algebra can tell."""
  import sympy

  found = parse(answer)
  if not found:
    return None
  return sympy.sstr(_simplest(found[0]), order="lex")


def _simplest(form: Any) -> Any:
  """Arguments first: `simplify` leaves those of tuples and sets alone."""
  import sympy

  form = form.doit()
  if isinstance(form, sympy.Expr):
    if form.is_number and form.is_rational is False and form.has(sympy.Float):
      return sympy.Float(form, 6)
    return sympy.expand(sympy.simplify(sympy.nsimplify(form, rational=True)))
  if isinstance(form, sympy.MatrixBase):
    return form.applyfunc(_simplest)
  parts = getattr(form, "args", ())
  if parts and not isinstance(form, sympy.Symbol):
    return form.func(*map(_simplest, parts))
  return form


def answer_to(request: dict[str, Any]) -> dict[str, Any]:
  try:
    if request["op"] == "canonical":
      return {"canonical": canonical(request["answer"])}
    outcome = compare(
      request["gold"], request["answer"], request["any_set_relation"]
    )
    return {"outcome": outcome}
  except MemoryError:
    return {"outcome": "memory"}
  except Exception as error:
    return {"outcome": "unparsable", "detail": f"{type(error).__name__}"}


def main(descriptor: int, seconds: float, megabytes: int) -> None:
  limit = megabytes << 20
  resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
  resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
  signal.signal(signal.SIGINT, signal.SIG_IGN)  # the other side tells us
  logging.disable(logging.CRITICAL)
  link = connection.Connection(descriptor)
  with contextlib.suppress(EOFError, OSError):
    for text in _WARM_UP:
      parse(text)
      canonical(text)
    link.send_bytes(b"ready")
    while True:
      request = json.loads(link.recv_bytes(LARGEST_MESSAGE))
      signal.setitimer(signal.ITIMER_PROF, seconds)
      signal.setitimer(signal.ITIMER_REAL, seconds * (PATIENCE + 1))
      reply = answer_to(request)
      signal.setitimer(signal.ITIMER_PROF, 0)
      signal.setitimer(signal.ITIMER_REAL, 0)
      link.send_bytes(json.dumps(reply).encode())
      if reply.get("outcome") == "memory":
        return  # what is left of the memory is no place to go on in


if __name__ == "__main__":
  main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
