"""Configs that the pages of docs/ name are there, and take the argument."""

import re

import pytest

from prm_jax.cli import config_file

_SPAN = re.compile(r"`([^`]+)`")
_NAME = r"(?:CV|[a-z]\w*)"
_NAMED = re.compile(
  rf"--config ({_NAME}(?::\w+)?)"  # of a command
  rf"|(?<!\S)({_NAME}:\w+)"  # with an argument
)
_FIRST = re.compile(rf"({_NAME}(?::\w+)?)(?= |$)")


def named(text: str) -> set[str]:
  """`NAME` or `NAME:ARG` of all configs in the code spans of a page."""
  found = {a or b for s in _SPAN.findall(text) for a, b in _NAMED.findall(s)}
  for line in text.splitlines():
    cells = [cell.strip() for cell in line.split("|")]
    if "config" in cells:
      column = cells.index("config")
    elif len(cells) > 1 and "| config |" in text:
      spans = _SPAN.findall(cells[column])
      found |= {m[1] for m in map(_FIRST.match, spans) if m}
  return {name.replace("CV", "chain_verifier") for name in found}


def test_spans_are_told_apart():
  page = """
`label --config trees:counts`, `pairs:cpl` and `rollouts.targets`, `other`
| objective | config |
|---|---|
| a | `chain_steps`, `CV:gpm`, `objective.form=max` `--config.a=b` |
"""
  assert named(page) == {
    "trees:counts", "pairs:cpl", "chain_steps", "chain_verifier:gpm"
  }  # fmt: skip


@pytest.mark.parametrize(
  ("page", "least"), [("labelling", 20), ("objectives", 30)]
)
def test_configs_are_there(page, least, project_root):
  found = named((project_root / "docs" / f"{page}.md").read_text())
  assert len(found) >= least
  for name in sorted(found):
    config_file.load(name)
