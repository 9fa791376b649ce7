"""Verifiers that score given solutions: public formats, and ours."""

import dataclasses
import pathlib
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from prm_jax import errors
from prm_jax.build import encoding, fields, public, verifier_files
from prm_jax.checkpoint import hub, prm
from prm_jax.models import lm, reads
from prm_jax.text import critiques, hf_tokenizer, prm_encoding, prm_table
from prm_jax.text import steps as steps_lib
from prm_jax.text import tokenizer as tokenizer_lib
from prm_jax.types import Params

NATIVE = "native"  # format of verifiers that were trained here


EncodeFn: TypeAlias = Callable[[str, Sequence[str]], steps_lib.EncodedSolution]


class Reader(NamedTuple):
  """A verifier and how it wants solutions.

  Attributes:
    reading: how places get their scores.
    params: what it asks for.
    encode: (question, steps) -> tokens and the places that are read.
    format_name: of `text.prm_table`, or `NATIVE`.
    split: text between the steps of a whole solution.
    aggregate: solution score of its authors.
    max_tokens: context; 0: unlimited.
    encode_last: `encode` for who asks about the last step alone.
    note: what a user has to know of the scores, or "".
    answered: reference answer -> `encode` that shows it to the model; None
      where the format shows none.
  """

  reading: reads.Reading
  params: Params
  encode: EncodeFn
  format_name: str
  split: str
  aggregate: str
  max_tokens: int
  encode_last: EncodeFn
  answered: Callable[[str], EncodeFn] | None = None
  note: str = ""

  @property
  def model(self) -> lm.Model:
    """The one model with a value head; UserError where there are two."""
    if not isinstance(self.reading, reads.Values):
      raise errors.UserError(
        f"--format: {self.format_name} compares two models; it scores given "
        "solutions and guides no search"
      )
    return self.reading.model


def load(
  directory: str | pathlib.Path,
  *,
  format_name: str = "",
  joining: str = "",
  base: str = "",
  dtype: str = "",
  reference: str = "",
  beta: float = 0.0,
) -> Reader:
  """Reads a public process reward model, or a verifier trained here.

  Args:
    directory: of the model, or its name on the hub.
    format_name: row of `text.prm_table`; "": config.json tells.
    joining: how steps become tokens; "": as the format has it.
    base: folder of the model that an adapter changes; "": as it says.
    dtype: of activations; "": as config.json has it.
    reference: folder of an implicit model's reference.
    beta: of an implicit model; 0: as its authors have it.

  Raises:
    UserError: one line that names file and field.
  """
  try:
    path = hub.resolve(directory)
  except errors.UserError as error:
    raise errors.UserError(f"--model: {error}") from error
  if verifier_files.described(path) is not None:
    return _native(path, format_name, reference, beta)
  if not path.is_dir():
    raise errors.UserError(f"--model: {path}: no such folder")
  if not public.is_public(path) and not prm.is_adapter(path):
    return _native(path, format_name, reference, beta)
  if format_name in critiques.STYLES:
    raise errors.UserError(
      f"--format: {format_name} writes its verdicts; only `score` can use it, "
      "and what that wrote goes on by --scores"
    )
  if format_name and prm_table.named(format_name).head.beta:
    return _implicit(path, format_name, reference, beta, dtype)
  found = prm.load(
    path,
    format_name=format_name,
    joining=joining,
    base=base,
    dtype=dtype or None,
  )
  fmt = found.encoder.format
  return Reader(
    reads.Values(lm.Model(found.config)),
    found.params,
    found.encoder.encode,
    fmt.name,
    fmt.split,
    fmt.aggregate,
    found.max_tokens,
    found.encoder.encode_last,
    _answered(found.encoder),
  )


def _answered(
  encoder: prm_encoding.Encoder,
) -> Callable[[str], EncodeFn] | None:
  if "{answer}" not in encoder.format.prompt:
    return None
  return lambda answer: dataclasses.replace(encoder, answer=answer).encode


def _implicit(
  path: pathlib.Path,
  format_name: str,
  reference: str,
  beta: float,
  dtype: str,
) -> Reader:
  """Two language models with one tokenizer."""
  fmt = prm_table.named(format_name)
  if not reference:
    raise errors.UserError(
      f"--format: {fmt.name} compares the model with {fmt.head.reference}; get "
      "that checkpoint and name its folder by --config.reference=DIR"
    )
  own, ref = (
    public.load(folder, dtype=dtype or None) for folder in (path, reference)
  )
  if own.tokenizer.backend.get_vocab() != ref.tokenizer.backend.get_vocab():
    raise errors.UserError(
      f"reference: {reference}: its tokenizer is not that of {path}"
    )
  encoder = prm_encoding.Encoder(fmt, own.tokenizer)
  contexts = (side.extra["context"] for side in (own, ref))
  return Reader(
    reads.LogRatios(
      lm.Model(own.config), lm.Model(ref.config), beta or fmt.head.beta
    ),
    {"model": own.params, "reference": ref.params},
    encoder.encode,
    fmt.name,
    fmt.split,
    fmt.aggregate,
    min(filter(None, contexts), default=0),
    encoder.encode,
  )


def _native(
  path: pathlib.Path, format_name: str, reference: str, beta: float
) -> Reader:
  if format_name not in ("", NATIVE):
    raise errors.UserError(
      f"--format: {path} is a model trained here, its format is {NATIVE!r}"
    )
  found = verifier_files.load(path, "--model", reference=reference, beta=beta)
  tokenizer = found.loaded.tokenizer
  if not isinstance(tokenizer, tokenizer_lib.Tokenizer):
    return _fine_tuned(path, found)

  def encode(question: str, given: Sequence[str]) -> steps_lib.EncodedSolution:
    if not given:
      raise errors.UserError("steps: there are none")
    return steps_lib.encode_solution(tokenizer, question, given)

  return Reader(
    found.reading,
    found.params,
    encode,
    NATIVE,
    tokenizer_lib.STEP,
    found.aggregate,
    0,
    encode,
    note=found.note,
  )


def _fine_tuned(path: pathlib.Path, found: verifier_files.Verifier) -> Reader:
  """A verifier that was trained here from a public checkpoint."""
  loaded = found.loaded
  tokenizer = loaded.tokenizer
  if not isinstance(tokenizer, hf_tokenizer.HfTokenizer):
    raise ValueError(f"{path}: a notation is no tokenizer of a verifier")
  if "encoding" not in loaded.extra:
    raise errors.UserError(
      f"--model: {path}: model.json: extra.encoding: missing, it does not say "
      "how solutions were encoded"
    )
  own = fields.dataclass(
    encoding.EncodingConfig, dict(loaded.extra["encoding"]), "encoding"
  )
  encode = encoding.encode_fn(tokenizer, own)
  return Reader(
    found.reading,
    found.params,
    encode,
    NATIVE,
    own.separator,
    found.aggregate,
    loaded.context or 0,
    encode,
    note=found.note,
  )
