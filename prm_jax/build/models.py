"""Tasks, models, their parameters, and finished models on disk."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_collections

from prm_jax import errors
from prm_jax.build import fields, public
from prm_jax.checkpoint import families, hf, hub, store
from prm_jax.models import config as config_lib
from prm_jax.models import lm
from prm_jax.tasks import base as tasks
from prm_jax.tasks import registry
from prm_jax.text import hf_tokenizer, public_notation
from prm_jax.text import tokenizer as tokenizer_lib
from prm_jax.types import Params

Group: TypeAlias = ml_collections.ConfigDict
# The last one is the second with what a search needs beside, see
# `searches.notation`.
Tokenizer: TypeAlias = (
  tokenizer_lib.Tokenizer
  | hf_tokenizer.HfTokenizer
  | public_notation.PublicNotation
)


class Loaded(NamedTuple):
  """A finished model."""

  model: lm.Model
  params: Params
  tokenizer: Tokenizer
  extra: Mapping[str, Any]

  @property
  def context(self) -> int | None:
    """Tokens that it can see; None: nobody says."""
    return self.extra.get("context")


def task(config: Group) -> tasks.Task:
  """The task that `config.name` names, from its other fields."""
  entry = registry.get(config.name)
  return entry.make(task_fields(config))


def task_fields(config: Group) -> Any:
  """The task's own frozen config."""
  own = {k: v for k, v in config.items() if k != "name"}
  return fields.dataclass(registry.get(config.name).config, own, "task")


def model_config(config: Group, vocab_size: int) -> config_lib.ModelConfig:
  """Trunk and heads; fields of both stand in one flat group."""
  heads_of = {f.name for f in dataclasses.fields(config_lib.ModelConfig)}
  own = {k: v for k, v in config.items() if k in heads_of}
  trunk = {k: v for k, v in config.items() if k not in heads_of}
  transformer = fields.dataclass(
    config_lib.TransformerConfig,
    {"vocab_size": vocab_size, **trunk},
    "model",
  )
  return fields.dataclass(
    config_lib.ModelConfig, {"transformer": transformer, **own}, "model"
  )


def heads_on(
  config: Group, trunk: config_lib.TransformerConfig
) -> config_lib.ModelConfig:
  """A trunk that is given, and the heads of the config's `model` group.

  Raises:
    UserError: the group says something of the trunk but how it computes.
  """
  heads_of = {f.name for f in dataclasses.fields(config_lib.ModelConfig)}
  own = {k: v for k, v in config.items() if k in heads_of}
  changes = {k: v for k, v in config.items() if k not in heads_of}
  for name in changes:
    if name not in ("dtype", "use_remat"):
      raise errors.UserError(
        f"model.{name}: the trunk is that of the checkpoint it begins with"
      )
  changes = {k: v for k, v in changes.items() if v != ""}
  return fields.dataclass(
    config_lib.ModelConfig,
    {"transformer": dataclasses.replace(trunk, **changes), **own},
    "model",
  )


def init_fn(model: lm.Model) -> Callable[[jax.Array], Params]:
  """key -> boxed parameters."""

  def init(key: jax.Array) -> Params:
    one = jnp.ones((1, 2), jnp.int32)
    return model.init(key, one, one, one)

  return init


def has_public_tokenizer(loaded: Loaded) -> bool:
  """Whether it is a public checkpoint, or began as one."""
  return not isinstance(loaded.tokenizer, tokenizer_lib.Tokenizer)


def save(
  directory: str | pathlib.Path,
  loaded: Loaded,
  workdir: str | pathlib.Path,
) -> None:
  """Writes a finished model with its tokenizer; whole or not at all.

  Args:
    directory: where the model goes.
    loaded: the model.
    workdir: a place for the tokenizer's file on its way.
  """
  config = loaded.model.config.to_dict()
  with tokenizer_files(loaded, workdir) as files:
    store.save_model(
      directory, loaded.params, config, extra=loaded.extra, files=files
    )


def check_export(config: config_lib.ModelConfig) -> None:
  """UserError where no folder of `transformers` can hold such a model."""
  families.rows(families.of(config.transformer), config)


def export(
  directory: str | pathlib.Path,
  loaded: Loaded,
  scratch: str | pathlib.Path,
  *,
  dtype: str | None = None,
  max_shard_bytes: int = 5 * 10**9,
) -> None:
  """Writes a folder that `transformers` loads; whole or not at all.

  Args:
    directory: the folder.
    loaded: the model.
    scratch: a place for the tokenizer's file on its way.
    dtype: of the tensors; default: of activations.
    max_shard_bytes: of a file.
  """
  with tokenizer_files(loaded, scratch) as files:
    hf.save(
      directory,
      loaded.params,
      loaded.model.config,
      dtype=dtype,
      fields=loaded.extra.get("fields"),
      files=files,
      max_shard_bytes=max_shard_bytes,
    )


@contextlib.contextmanager
def tokenizer_files(
  loaded: Loaded, scratch: str | pathlib.Path
) -> Iterator[list[pathlib.Path]]:
  """Files of its tokenizer, to copy; one of ours is written to `scratch`."""
  if not isinstance(loaded.tokenizer, tokenizer_lib.Tokenizer):
    yield public.files(loaded.tokenizer)
    return
  file = pathlib.Path(scratch) / tokenizer_lib.FILE_NAME
  loaded.tokenizer.save(scratch)
  try:
    yield [file]
  finally:
    file.unlink()


def load(
  directory: str | pathlib.Path,
  field: str,
  *,
  param_dtype: str | None = None,
  shardings_fn: Callable[[Any], Any] | None = None,
) -> Loaded:
  """Reads a model that `save` wrote, or a public checkpoint.

  Args:
    directory: its folder, or a name on the hub.
    field: that named it.
    param_dtype: of a public checkpoint's parameters; default: the file's.
    shardings_fn: of a public checkpoint's parameters, as of `hf.load`.

  Raises:
    UserError: names `field` and the directory: no model, one of another
      version, or parameters of another shape than its description says.
  """
  try:
    directory = hub.resolve(directory)
  except errors.UserError as error:
    raise errors.UserError(f"{field}: {error}") from error
  if public.is_public(directory):
    return _load_public(directory, field, param_dtype, shardings_fn)
  return _load_native(directory, field)


def _load_public(
  directory: str | pathlib.Path,
  field: str,
  param_dtype: str | None,
  shardings_fn: Callable[[Any], Any] | None,
) -> Loaded:
  try:
    found = public.load(
      directory, param_dtype=param_dtype, shardings_fn=shardings_fn
    )
  except errors.UserError as error:
    raise errors.UserError(f"{field}: {error}") from error
  return Loaded(
    lm.Model(found.config), found.params, found.tokenizer, found.extra
  )


def _load_native(directory: str | pathlib.Path, field: str) -> Loaded:
  try:
    params, found = store.load_model(directory)
    names = dict(found["model"])
    trunk = fields.dataclass(
      config_lib.TransformerConfig, names.pop("transformer"), "model"
    )
    config = fields.dataclass(
      config_lib.ModelConfig, {"transformer": trunk, **names}, "model"
    )
  except (errors.UserError, KeyError) as error:
    raise errors.UserError(f"{field}: {error}") from error
  model = lm.Model(config)
  wanted = jax.eval_shape(init_fn(model), jax.random.key(0))
  check_shapes(params, nn.unbox(wanted), f"{field}: {directory}")
  params = jax.tree.map(jnp.asarray, params)
  extra = found.get("extra") or {}
  if "eos_ids" in extra:  # it was a public checkpoint, or began as one
    read = hf_tokenizer.load(directory)
    read.check_fits(config.transformer.vocab_size)
    return Loaded(model, params, read, extra)
  tokenizer = tokenizer_lib.Tokenizer.load(directory)
  if tokenizer.vocab_size != config.transformer.vocab_size:
    raise errors.UserError(
      f"{field}: {directory}: the tokenizer has {tokenizer.vocab_size} tokens, "
      f"the model {config.transformer.vocab_size}"
    )
  return Loaded(model, params, tokenizer, extra)


def check_shapes(found: Params, wanted: Params, where: str) -> None:
  """UserError that names the first parameter that is absent or misshapen."""
  shapes = [
    {
      jax.tree_util.keystr(path, simple=True, separator="/"): leaf.shape
      for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]
    }
    for tree in (wanted, found)
  ]
  for path in [*shapes[0], *shapes[1]]:
    is_, should = (side.get(path, "absent") for side in reversed(shapes))
    if is_ != should:
      raise errors.UserError(
        f"{where}: checkpoint of another model: {path} is {is_} there, "
        f"{should} here"
      )
