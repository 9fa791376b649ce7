"""The TFDS features of a record class, from its annotations.

Texts, numbers, truth values and lists of them stand as they are, a record in
a record as a group. What may be null, and objects of any form, are JSON texts.
"""

import dataclasses
import json
import typing
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from prm_jax.data import fields

_SCALARS = {str: tfds.features.Text, int: np.int64, float: np.float64}
_SCALARS[bool] = np.bool_


def of(cls: type) -> tfds.features.FeaturesDict:
  """The features of a dataclass."""
  hints = fields.hints_of(cls)
  return tfds.features.FeaturesDict(
    {f.name: _feature(hints[f.name]) for f in dataclasses.fields(cls)}
  )


def encode(record: Any) -> dict[str, Any]:
  """A record as an example of `of(type(record))`."""
  cls: type = type(record)
  hints = fields.hints_of(cls)
  return {
    f.name: _encode(vars(record)[f.name], hints[f.name])
    for f in dataclasses.fields(record)
  }


def decode(element: Mapping[str, Any], cls: type) -> Any:
  """The record that an element of a data source is."""
  hints = fields.hints_of(cls)
  values = {
    f.name: _decode(element[f.name], hints[f.name])
    for f in dataclasses.fields(cls)
  }
  return cls(**values)


def _is_list(hint: Any) -> bool:
  return typing.get_origin(hint) is tuple and (
    typing.get_args(hint)[0] in _SCALARS
  )


def _feature(hint: Any) -> Any:
  if dataclasses.is_dataclass(hint):
    return of(typing.cast(type, hint))
  if _is_list(hint):
    return tfds.features.Sequence(_feature(typing.get_args(hint)[0]))
  if hint in _SCALARS and hint is not str:
    return tfds.features.Scalar(_SCALARS[hint])
  return tfds.features.Text()


def _encode(value: Any, hint: Any) -> Any:
  if dataclasses.is_dataclass(hint):
    return encode(value)
  if _is_list(hint):
    return list(value)
  if hint in _SCALARS:
    return value
  return json.dumps(fields.encode(value), ensure_ascii=False)


def _decode(value: Any, hint: Any) -> Any:
  if dataclasses.is_dataclass(hint):
    return decode(value, typing.cast(type, hint))
  if hint is str:
    return _text(value)
  if _is_list(hint):
    kind = typing.get_args(hint)[0]
    return tuple(_text(i) if kind is str else kind(i) for i in value)
  if hint in _SCALARS:
    return hint(value)
  return fields.decode(json.loads(_text(value)), hint, "value")


def _text(value: bytes | str) -> str:
  return value.decode() if isinstance(value, bytes) else value
