"""Verifiers by the folder of a model, or by a file that says what they are of.

`verifier.json`, or any file of that ending, is one object; folders in it are
relative to it, and each may hold such a file in turn:

  {"kind": "ensemble", "members": ["a/model", "b/model"],
   "form": "lower", "width": 1.0}       see `models.combined.Pool`
  {"kind": "advantages", "base": "own/model", "prover": "other/model",
   "alpha": 0.5}                        Q of the policy and a prover's progress
  {"kind": "step_rewards", "model": "implicit/model"}
                                        what each step adds to sums
  {"kind": "probabilities", "model": "implicit/model"}
                                        the sigmoid of sums of log-ratios
  {"kind": "sdm", "model": "../model", "bank": "bank.npz"}
                                        confidence near what was trained on
"""

import dataclasses
import json
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from prm_jax import errors
from prm_jax.build import confidence, fields, models, native
from prm_jax.models import combined, reads
from prm_jax.types import Params

FILE = "verifier.json"
_ENDING = ".json"


class Verifier(NamedTuple):
  """A verifier that was trained here, and how it is read.

  Attributes:
    loaded: the model; of several, the first one.
    reading: how places get their scores.
    params: what it asks for.
    aggregate: rule that makes a solution's score of its steps'.
    note: what a user has to know of the scores, or "".
  """

  loaded: models.Loaded
  reading: reads.Reading
  params: Params
  aggregate: str
  note: str = ""


LoadFn: TypeAlias = Callable[[str], Verifier]


@dataclasses.dataclass(frozen=True)
class Ensemble:
  """Fields of an ensemble's file."""

  members: tuple[str, ...]
  form: combined.PoolForm = "mean"
  width: float = 1.0

  def make(self, load_fn: LoadFn, folder: pathlib.Path) -> Verifier:
    del folder
    if not self.members or not isinstance(self.members, tuple):
      raise errors.UserError("members: expected a list of folders")
    found = [load_fn(name) for name in self.members]
    _check_tokens(found, self.members)
    members = tuple(one.reading for one in found)
    pool = combined.Pool(self.form, self.width)
    return found[0]._replace(
      reading=combined.Ensemble(members, pool), params=_numbered(found)
    )


@dataclasses.dataclass(frozen=True)
class Advantages:
  """Fields of the file of a PAV."""

  base: str
  prover: str
  alpha: float = 0.5

  def make(self, load_fn: LoadFn, folder: pathlib.Path) -> Verifier:
    del folder
    base, prover = load_fn(self.base), load_fn(self.prover)
    _check_tokens((base, prover), (self.base, self.prover))
    if not isinstance(prover.reading, reads.Values):
      raise errors.UserError(
        f"prover: {self.prover}: is not read by one value head, which the "
        "prompt's value needs"
      )
    own = combined.Advantages(base.reading, prover.reading, self.alpha)
    return base._replace(reading=own, params=_numbered((base, prover)))


@dataclasses.dataclass(frozen=True)
class StepRewards:
  """Fields of the file of differences."""

  model: str

  def make(self, load_fn: LoadFn, folder: pathlib.Path) -> Verifier:
    del folder
    found = load_fn(self.model)
    own = combined.Differences(found.reading)
    return found._replace(reading=own, aggregate="min")


@dataclasses.dataclass(frozen=True)
class Probabilities:
  """Fields of the file of log-odds that are to be probabilities."""

  model: str

  def make(self, load_fn: LoadFn, folder: pathlib.Path) -> Verifier:
    del folder
    found = load_fn(self.model)
    if not isinstance(found.reading, reads.LogRatios):
      raise errors.UserError(f"model: {self.model}: has no log-ratios")
    own = combined.Calibrated(found.reading, combined.Sigmoid())
    return found._replace(reading=own)


@dataclasses.dataclass(frozen=True)
class Confidence:
  """Fields of the file of a distance-aware confidence."""

  model: str
  bank: str

  def make(self, load_fn: LoadFn, folder: pathlib.Path) -> Verifier:
    found = load_fn(self.model)
    reading, params = found.reading, found.params
    if isinstance(reading, combined.Calibrated):
      reading = reading.reading
    if not isinstance(reading, reads.Values):
      raise errors.UserError(
        f"model: {self.model}: is not read by a value head"
      )
    bank = confidence.read(folder / self.bank)
    return found._replace(
      reading=confidence.Confidence(reading.model),
      params={"model": params, "bank": bank._asdict()},
    )


KINDS: Mapping[str, type[Any]] = {
  "ensemble": Ensemble,
  "advantages": Advantages,
  "step_rewards": StepRewards,
  "probabilities": Probabilities,
  "sdm": Confidence,
}


def described(path: str | pathlib.Path) -> pathlib.Path | None:
  """The file that says what the verifier is of; None for a mere model."""
  path = pathlib.Path(path)
  if path.suffix == _ENDING and path.is_file():
    return path
  return path / FILE if (path / FILE).is_file() else None


def of_model(
  path: str | pathlib.Path,
  loaded: models.Loaded,
  field: str,
  *,
  reference: str = "",
  beta: float = 0.0,
) -> Verifier:
  """A model that is there, read as its objective has it; else as `load`."""
  reading, params = native.reading(
    pathlib.Path(path), loaded, reference=reference, beta=beta, field=field
  )
  rule, note = native.aggregate(loaded), native.note(loaded)
  return Verifier(loaded, reading, params, rule, note)


def load(
  path: str | pathlib.Path,
  field: str,
  *,
  reference: str = "",
  beta: float = 0.0,
) -> Verifier:
  """Reads a verifier that was trained here.

  Args:
    path: folder of the model, or a file, see the module.
    field: that named it, for messages.
    reference: see `native.reading`, as for the next.
    beta: see there.

  Raises:
    UserError: names `field`, the file and its field.
  """
  return _load(pathlib.Path(path), field, reference, beta, ())


def _load(
  path: pathlib.Path,
  field: str,
  reference: str,
  beta: float,
  opened: tuple[pathlib.Path, ...],
) -> Verifier:
  file = described(path)
  if file is None:
    loaded = models.load(path, field)
    return of_model(path, loaded, field, reference=reference, beta=beta)
  where = f"{field}: {file}"
  own = _parse(file, where)

  def load_fn(name: str) -> Verifier:
    below = file.parent / pathlib.Path(name).expanduser()
    if file.resolve() in opened:
      raise errors.UserError(f"{name}: the file names itself")
    return _load(below, where, reference, beta, (*opened, file.resolve()))

  try:
    found: Verifier = own.make(load_fn, file.parent)
  except errors.UserError as error:
    told = str(error)
    raise errors.UserError(
      told if told.startswith(where) else f"{where}: {told}"
    ) from error
  return found


def _parse(file: pathlib.Path, where: str) -> Any:
  try:
    told = json.loads(file.read_text())
  except (ValueError, OSError) as error:
    raise errors.UserError(f"{where}: not JSON ({error})") from error
  if not isinstance(told, dict) or "kind" not in told:
    raise errors.UserError(f"{where}: kind: missing")
  kind = told.pop("kind")
  if kind not in KINDS:
    raise errors.UserError(
      f"{where}: kind: {kind!r} is not one of {', '.join(KINDS)}"
    )
  return fields.dataclass(KINDS[kind], told, where)


def _numbered(found: Sequence[Verifier]) -> Params:
  return {str(index): one.params for index, one in enumerate(found)}


def _check_tokens(found: Sequence[Verifier], names: Sequence[str]) -> None:
  """UserError unless all have the first one's tokens."""
  first = found[0].loaded.tokenizer.backend.get_vocab()
  for one, name in zip(found, names, strict=True):
    if one.loaded.tokenizer.backend.get_vocab() != first:
      raise errors.UserError(
        f"{name}: its vocabulary is not that of {names[0]}"
      )
