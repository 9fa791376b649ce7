"""`results.json`: every number that is printed or plotted is in it.

Schema 1:

  {"schema": 1, "command": str, "config": {...},
   "git": {"commit": str, "modified": bool} or null,
   "versions": {"python": str, "jax": str, ...},
   "device": {"platform": str, "kind": str, "count": int},
   "rows": [{"name": str, "metric": str, "value": float,
             "ci_low": float or null, "ci_high": float or null, "n": int,
             "cost": {str: float}, "wall_s": float or null,
             "at": float or null}],
   "undefined": [{"name": str, "metric": str, "reason": str, "n": int}]}

`at` is where on a curve the number is, null off any curve. `cost` holds means
per problem (`policy_tokens`, `verifier_tokens`, `slots`, ...). A bound that
does not exist or is infinite is null. `undefined` is what was to be measured
and has no value; files without it have none.
"""

import dataclasses
import importlib.metadata
import json
import math
import pathlib
import platform
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import jax

from prm_jax import errors
from prm_jax.data import atomic

SCHEMA = 1
FILE = "results.json"
Number: TypeAlias = float | int
_LIBRARIES = ("prm-jax", "jax", "jaxlib", "flax", "optax", "numpy")


@dataclasses.dataclass(frozen=True)
class Row:
  """One measured number.

  Attributes:
    name: what was measured, `method` or `method/verifier`.
    metric: for example `accuracy` (in [0, 1]) or `wall_s`.
    value: the number.
    ci_low: lower end of its 95 % interval.
    ci_high: upper end.
    n: problems (or whatever was resampled) behind it.
    cost: means per problem of what it took; empty if nothing.
    wall_s: seconds, compilation left out.
    at: x of a point of a curve whose y is the value.
  """

  name: str
  metric: str
  value: Number
  ci_low: Number | None = None
  ci_high: Number | None = None
  n: int = 1
  cost: Mapping[str, Number] = dataclasses.field(default_factory=dict)
  wall_s: Number | None = None
  at: Number | None = None


@dataclasses.dataclass(frozen=True)
class Undefined:
  """What has no value, such as a share of nothing.

  Attributes:
    name: of what it would be.
    metric: likewise.
    reason: why.
    n: what there was of that which is measured.
  """

  name: str
  metric: str
  reason: str
  n: int = 0


@dataclasses.dataclass(frozen=True)
class Results:
  """A `results.json` and where its numbers come from."""

  command: str
  config: Mapping[str, Any]
  rows: Sequence[Row]
  git: Mapping[str, Any] | None = None
  versions: Mapping[str, str] = dataclasses.field(default_factory=dict)
  device: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  undefined: Sequence[Undefined] = ()


def write(
  path: str | pathlib.Path,
  command: str,
  config: Mapping[str, Any],
  rows: Sequence[Row],
  undefined: Sequence[Undefined] = (),
) -> Results:
  """Writes rows together with code version, libraries and device.

  The file is whole or as it was.

  Args:
    path: the file.
    command: what was run.
    config: its config as nested mappings of JSON values.
    rows: the numbers.
    undefined: what is none.

  Raises:
    errors.UserError: the file cannot be written.
    ValueError: a value is NaN or infinite.
  """
  for row in rows:
    if not math.isfinite(row.value):
      raise ValueError(f"{row.name}: {row.metric} is {row.value}")
  found = Results(
    command=command,
    config=config,
    rows=tuple(rows),
    git=_git(),
    versions=_versions(),
    device=_device(),
    undefined=tuple(undefined),
  )
  with atomic.replacing(path) as temporary:
    temporary.write_text(_dumps(found))
  return found


def read(path: str | pathlib.Path) -> Results:
  """Reads a file that `write` wrote; unknown fields are left aside.

  Raises:
    errors.UserError: no such file, no JSON, or a field that is missing or of
      the wrong type.
  """
  try:
    content = json.loads(pathlib.Path(path).read_text())
  except OSError as error:
    raise errors.UserError(f"{path}: cannot read: {error.strerror}") from None
  except ValueError as error:
    raise errors.UserError(f"{path}: not JSON: {error}") from None
  if not isinstance(content, dict):
    raise errors.UserError(f"{path}: not an object")
  schema = _field(content, "schema", int, str(path))
  if schema != SCHEMA:
    raise errors.UserError(
      f"{path}: schema: {schema} is not {SCHEMA}, the one known here"
    )
  rows = _field(content, "rows", list, str(path))
  return Results(
    command=_field(content, "command", str, str(path)),
    config=_field(content, "config", dict, str(path)),
    rows=tuple(_row(row, f"{path}: rows[{i}]") for i, row in enumerate(rows)),
    git=_field(content, "git", dict, str(path), optional=True),
    versions=_field(content, "versions", dict, str(path)),
    device=_field(content, "device", dict, str(path)),
    undefined=tuple(
      _undefined(one, f"{path}: undefined[{i}]")
      for i, one in enumerate(
        _field(content, "undefined", list, str(path), optional=True) or ()
      )
    ),
  )


def _row(content: Any, where: str) -> Row:
  if not isinstance(content, dict):
    raise errors.UserError(f"{where}: not an object")

  def number(name: str) -> float | None:
    return _field(content, name, float, where, optional=True)

  cost = _field(content, "cost", dict, where)
  return Row(
    name=_field(content, "name", str, where),
    metric=_field(content, "metric", str, where),
    value=_field(content, "value", float, where),
    ci_low=number("ci_low"),
    ci_high=number("ci_high"),
    n=_field(content, "n", int, where),
    cost={key: _field(cost, key, float, f"{where}.cost") for key in cost},
    wall_s=number("wall_s"),
    at=number("at"),
  )


def _undefined(content: Any, where: str) -> Undefined:
  if not isinstance(content, dict):
    raise errors.UserError(f"{where}: not an object")
  return Undefined(
    name=_field(content, "name", str, where),
    metric=_field(content, "metric", str, where),
    reason=_field(content, "reason", str, where),
    n=_field(content, "n", int, where),
  )


def _field(
  content: Mapping[str, Any],
  name: str,
  kind: type,
  where: str,
  *,
  optional: bool = False,
) -> Any:
  """The field as `kind`; None where it may be absent or null and is."""
  value = content.get(name)
  if value is None and optional:
    return None
  if name not in content:
    raise errors.UserError(f"{where}: {name}: missing")
  accepted = (int, float) if kind is float else kind
  if isinstance(value, bool) or not isinstance(value, accepted):
    raise errors.UserError(
      f"{where}: {name}: expected {kind.__name__}, got {value!r:.60}"
    )
  return kind(value)


def _dumps(found: Results) -> str:
  rows = [dataclasses.asdict(row) for row in found.rows]
  for row in rows:
    for name in ("ci_low", "ci_high"):
      if row[name] is not None and not math.isfinite(row[name]):
        row[name] = None
  fields = {
    "schema": SCHEMA,
    "command": found.command,
    "config": found.config,
    "git": found.git,
    "versions": found.versions,
    "device": found.device,
    "rows": rows,
    "undefined": [dataclasses.asdict(one) for one in found.undefined],
  }
  return json.dumps(fields, indent=1, allow_nan=False, default=_plain) + "\n"


def _plain(value: Any) -> Any:
  """numpy and JAX scalars and arrays, and ConfigDicts, as JSON values."""
  for method in ("to_dict", "tolist"):
    if hasattr(value, method):
      return getattr(value, method)()
  raise TypeError(f"{type(value).__name__} is no JSON value")


def _git() -> dict[str, Any] | None:
  """The commit of the checkout the package runs from; None without one."""
  here = pathlib.Path(__file__).parent

  def run(*arguments: str) -> str:
    command = ["git", "-C", str(here), *arguments]
    return subprocess.run(
      command, capture_output=True, text=True, check=True, timeout=20
    ).stdout.strip()

  try:
    # Installed inside somebody else's repository, its commit tells nothing.
    if not run("ls-files", pathlib.Path(__file__).name):
      return None
    modified = run("status", "--porcelain", "--untracked-files=no")
    return {"commit": run("rev-parse", "HEAD"), "modified": bool(modified)}
  except (OSError, subprocess.SubprocessError):
    return None


def _versions() -> dict[str, str]:
  found = {"python": platform.python_version()}
  for name in _LIBRARIES:
    try:
      found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
      found[name] = "not installed"
  return found


def _device() -> dict[str, Any]:
  first = jax.devices()[0]
  return {
    "platform": first.platform,
    "kind": first.device_kind,
    "count": jax.device_count(),
  }
