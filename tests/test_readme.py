"""The README's commands.

Every `prm-jax` line of every ```bash block has to parse, with its config
found and its overrides fitting. A block below a marker is run as well, in the
order of the page and in one empty directory:

  <!-- run -->                                as it stands
  <!-- run: --config quickstart:tiny -->      with these flags added to each
                                              `prm-jax` line (the last wins)

A marker ends with its block. Lines that are no `prm-jax` command are for the
shell of the reader; those that set up and test a checkout are run by .ci/run.
"""

import dataclasses
import importlib
import re
import shlex

import pytest

from prm_jax.cli import config_file, flags, main

_MARKER = re.compile(r"<!--\s*run(?::\s*(?P<extra>.*?))?\s*-->")


@dataclasses.dataclass(frozen=True)
class Command:
  """One `prm-jax` line of the page."""

  line: int  # of the page, from 1
  arguments: tuple[str, ...]  # after `prm-jax`
  extra: tuple[str, ...] | None  # None: parsed, not run


def split_commands(words: list[str]) -> list[list[str]]:
  """`a b && c` -> [[a, b], [c]]."""
  commands: list[list[str]] = [[]]
  for word in words:
    if word == "&&":
      commands.append([])
    else:
      commands[-1].append(word)
  return [command for command in commands if command]


def shell_lines(text: str) -> list[tuple[int, str, str | None]]:
  """(line number, command, the block's marker) in all bash blocks.

  Lines that end with a backslash go on; comments are gone.
  """
  found: list[tuple[int, str, str | None]] = []
  marker: str | None = None
  inside, is_bash, pending = False, False, ""
  for number, line in enumerate(text.splitlines(), 1):
    if line.startswith("```"):
      if inside:
        marker = None
      else:
        is_bash = line.strip() in ("```bash", "```sh", "```shell")
      inside = not inside
    elif not inside:
      match = _MARKER.fullmatch(line.strip())
      marker = (match["extra"] or "") if match else marker
    elif is_bash:
      pending += line.removesuffix("\\") + " "
      if not line.endswith("\\"):
        words = shlex.split(pending, comments=True)
        for command in split_commands(words):
          found.append((number, shlex.join(command), marker))
        pending = ""
  return found


def commands(text: str) -> list[Command]:
  """All `prm-jax` commands of a page."""
  found = []
  for number, line, marker in shell_lines(text):
    words = shlex.split(line)
    if words[:3] in (["python", "-m", "prm_jax"], ["python3", "-m", "prm_jax"]):
      words = words[2:]
    elif words[0] != "prm-jax":
      continue
    extra = None if marker is None else tuple(shlex.split(marker))
    found.append(Command(number, tuple(words[1:]), extra))
  return found


@pytest.fixture
def readme(project_root) -> str:
  path = project_root / "README.md"
  if not path.exists():
    pytest.skip("no README.md yet")
  return path.read_text()


def check(arguments: tuple[str, ...]) -> None:
  """Everything up to the work directory; raises UserError."""
  if arguments[0].startswith("-"):  # --help, --version
    assert main.main(list(arguments)) == 0
    return
  parsed = flags.parse(arguments, main.COMMANDS)
  module = importlib.import_module(f"prm_jax.cli.{parsed.command}")
  config_file.load(parsed.config or module.DEFAULT_CONFIG, parsed.overrides)
  assert parsed.show_help or parsed.workdir is not None


def test_every_command_parses(readme):
  found = commands(readme)
  assert found, "no prm-jax command on the page"
  for command in found:
    try:
      check(command.arguments)
    except Exception as error:
      line = " ".join(command.arguments)
      pytest.fail(f"README.md:{command.line}: prm-jax {line}: {error}")


def test_marked_commands_run(readme, run_cli):
  marked = [c for c in commands(readme) if c.extra is not None]
  assert marked, "no block is marked to run"
  for command in marked:
    done = run_cli(*command.arguments, *command.extra)
    assert done.returncode == 0, f"README.md:{command.line}: {done.stderr}"


def test_the_page_tells_what_the_checks_run(readme, project_root):
  """.ci/run installs and tests with the commands that the page gives."""
  script = (project_root / ".ci" / "run").read_text()
  told = {line for _, line, _ in shell_lines(readme)}
  used = re.findall(r"^readme (.+)$", script, re.MULTILINE)
  assert len(used) == 2
  for command in used:
    assert shlex.join(shlex.split(command)) in told


PAGE = """
```bash
git clone somewhere  # prm-jax no
prm-jax train --workdir a \\
  --config.x='b c'   # why
```
<!-- run: --config tiny -->

```bash
python -m prm_jax search --workdir=b
prm-jax report
```
```bash
prm-jax train
```
<!-- run -->
```python
prm-jax never
```
```sh
prm-jax --help
```
<!-- run -->
```bash
prm-jax --version
```
"""


def test_commands_of_a_page():
  assert commands(PAGE) == [
    Command(5, ("train", "--workdir", "a", "--config.x=b c"), None),
    Command(10, ("search", "--workdir=b"), ("--config", "tiny")),
    Command(11, ("report",), ("--config", "tiny")),
    Command(14, ("train",), None),
    Command(21, ("--help",), None),
    Command(25, ("--version",), ()),
  ]
