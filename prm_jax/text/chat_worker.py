"""Renders chat templates in a process of its own; started by its file name.

A template is a program of a stranger. Here it finds a sandbox, plain values,
little memory, and a parent that ends the process when it takes too long. A
line of JSON comes in, {"source", "variables"}; a line goes out, {"text"} or
{"error", "is_unsafe"}. Nothing of this package is imported.
"""

import datetime
import functools
import json
import resource
import sys
from typing import Any, NoReturn

import jinja2
import jinja2.ext
import jinja2.sandbox

_BYTES = 1 << 30  # of address space


class _Generation(jinja2.ext.Extension):
  """`{% generation %}` marks what an assistant wrote; here it is just text."""

  tags = {"generation"}  # noqa: RUF012 - jinja2 has it so

  def parse(self, parser: jinja2.parser.Parser) -> jinja2.nodes.Node:
    line = next(parser.stream).lineno
    body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
    call = self.call_method("_body")
    return jinja2.nodes.CallBlock(call, [], [], body).set_lineno(line)

  def _body(self, caller: jinja2.runtime.Macro) -> str:
    return str(caller())


@functools.lru_cache(maxsize=16)
def _compile(source: str) -> jinja2.Template:
  """As `transformers` compiles it."""
  environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
    trim_blocks=True,
    lstrip_blocks=True,
    extensions=[_Generation, jinja2.ext.loopcontrols],
  )
  environment.filters["tojson"] = _to_json
  environment.globals["raise_exception"] = _refuse
  environment.globals["strftime_now"] = _strftime_now
  return environment.from_string(source)


def _to_json(
  value: Any,
  ensure_ascii: bool = False,
  indent: int | None = None,
  separators: tuple[str, str] | None = None,
  sort_keys: bool = False,
) -> str:
  """jinja2's own would escape HTML."""
  return json.dumps(
    value,
    ensure_ascii=ensure_ascii,
    indent=indent,
    separators=separators,
    sort_keys=sort_keys,
  )


def _refuse(message: str) -> NoReturn:
  raise jinja2.exceptions.TemplateError(message)


def _strftime_now(pattern: str) -> str:
  return datetime.datetime.now().strftime(pattern)


def _answer(line: str) -> dict[str, Any]:
  asked = json.loads(line)
  try:
    return {"text": _compile(asked["source"]).render(**asked["variables"])}
  except Exception as error:  # a template can raise whatever Python can
    return {
      "error": f"{type(error).__name__}: {error}",
      "is_unsafe": isinstance(error, jinja2.exceptions.SecurityError),
    }


def main() -> None:
  resource.setrlimit(resource.RLIMIT_AS, (_BYTES, _BYTES))
  print(json.dumps({"ready": True}), flush=True)
  for line in sys.stdin:
    print(json.dumps(_answer(line)), flush=True)


if __name__ == "__main__":
  main()
