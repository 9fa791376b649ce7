"""Chat templates of public checkpoints, rendered as `transformers` does.

A template is a program that came with a checkpoint, so it runs in jinja2's
sandbox, sees nothing but plain JSON values, and whatever goes wrong in it is
one line that names the file.
"""

import dataclasses
import datetime
import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, TypeAlias

import jinja2
import jinja2.ext
import jinja2.meta
import jinja2.sandbox

from prm_jax import errors

# {"role": "user", "content": "..."}
Message: TypeAlias = Mapping[str, Any]

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
      UserError: the template is broken, does what the sandbox forbids, or
        refuses the conversation.
    """
    variables = {**special_tokens, **(values or {})}
    variables |= {
      "messages": list(messages),
      "tools": None,
      "documents": None,
      "add_generation_prompt": add_generation_prompt,
    }
    try:
      # Through JSON: no object with methods of its own gets in.
      plain = json.loads(json.dumps(variables))
      return _compile(self.source).render(**plain)
    except Exception as error:  # a template can raise whatever Python can
      raise errors.UserError(self._complaint(error)) from error

  def _complaint(self, error: Exception) -> str:
    told = " ".join(str(error).split())[:_LONGEST_TOLD]
    if isinstance(error, jinja2.exceptions.SecurityError):
      return f"{self.where}: refused, it is not safe to run ({told})"
    return f"{self.where}: cannot be rendered ({type(error).__name__}: {told})"


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
