"""Chat templates: what they may do, and what ends in one line."""

import pytest

from prm_jax import errors
from prm_jax.text import chat_templates

TURN = [{"role": "user", "content": "<a> & 'b'"}]


def render(source, **values):
  template = chat_templates.ChatTemplate(source, "DIR/file: chat_template")
  return template.render(
    TURN,
    special_tokens={"bos_token": "<s>"},
    add_generation_prompt=True,
    values=values,
  )


@pytest.mark.parametrize(
  ("source", "text"),
  [
    ("{{ bos_token }}{{ messages[0].content }}", "<s><a> & 'b'"),
    ("{{ messages[0] | tojson }}",
     '{"role": "user", "content": "<a> & \'b\'"}'),
    ("{{ {'b': 'é', 'a': 1} | tojson(sort_keys=true, indent=1) }}",
     '{\n "a": 1,\n "b": "é"\n}'),
    ("{% for i in range(9) %}{% if i == 2 %}{% break %}{% endif %}"
     "{{ i }}{% endfor %}", "01"),
    ("{% if tools %}x{% endif %}\n  {% set x = 1 %}\ny", "y"),
    ("{% generation %}{{ messages[0].role }}{% endgeneration %}!", "user!"),
    ("{{ 'on' if enable_thinking else 'off' }}", "on"),
    ("{% if add_generation_prompt %}A:{% endif %}", "A:"),
    ("{% set ns = namespace(n=0) %}{% for m in messages %}"
     "{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}", "1"),
    ("{{ strftime_now('%%') }}", "%"),
  ],
)  # fmt: skip
def test_rendered(source, text):
  assert render(source, enable_thinking=True) == text


@pytest.mark.parametrize(
  ("source", "part"),
  [
    ("{{ ''.__class__.__mro__ }}", "not safe"),
    ("{{ messages.append(1) }}", "not safe"),
    ("{{ cycler.__init__.__globals__.os.popen('id').read() }}", "not safe"),
    ("{{ raise_exception('roles\nmust alternate') }}",
     "TemplateError: roles must alternate"),
    ("{% for %}", "TemplateSyntaxError"),
    ("{{ 1 // 0 }}", "ZeroDivisionError"),
    ("{{ messages[0].content.nothing.more }}", "UndefinedError"),
    ("{% include '/etc/passwd' %}", "cannot be rendered"),
    ("{{ range(10 ** 9) }}", "OverflowError"),
  ],
)  # fmt: skip
def test_what_goes_wrong_is_one_line(source, part):
  with pytest.raises(errors.UserError) as told:
    render(source)
  assert str(told.value).startswith("DIR/file: chat_template: ")
  assert part in str(told.value)
  assert "\n" not in str(told.value)


@pytest.mark.parametrize(
  "source",
  [
    "{% for a in range(99999) %}{% for b in range(99999) %}"
    "{% endfor %}{% endfor %}",
    "{{ 'a' * 10 ** 11 }}",
    "{% set ns = namespace(s='a') %}{% for i in range(99) %}"
    "{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
  ],
)
def test_time_and_memory_are_limited(source, monkeypatch):
  monkeypatch.setattr(chat_templates, "SECONDS", 2.0)
  with pytest.raises(errors.UserError, match=r"seconds or|MemoryError") as told:
    render(source)
  assert "\n" not in str(told.value)
  assert render("{{ messages[0].role }}") == "user"  # by another process
