"""`prm-jax train`: one training run of any objective; resumes by itself."""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import ml_collections

from prm_jax import errors
from prm_jax.build import (
  beginnings,
  fields,
  losses,
  models,
  native,
  public,
  training,
)
from prm_jax.build.objectives import registry as objectives
from prm_jax.checkpoint import disk, store
from prm_jax.cli import compilation, rounds, soft_targets
from prm_jax.cli import examples as examples_lib
from prm_jax.cli import flags as flags_lib
from prm_jax.data import pipeline
from prm_jax.models import config as config_lib
from prm_jax.models import lm, lora
from prm_jax.text import public_notation
from prm_jax.train import evaluate, loop, optim, step, topology

DEFAULT_CONFIG = "game24_policy"
VOLATILE = (
  "config.fit.log_every",
  "config.fit.eval_every",
  "config.fit.save_every",
)
MODEL = "model"
CHECKPOINTS = "checkpoints"
# Of the trunk, what parameters do not depend on.
_FREE = ("dtype", "use_remat")


class Settings(NamedTuple):
  """A training run's config as objects."""

  model: lm.Model
  lora: lora.LoraConfig
  loss_fn: losses.LossFn | step.FrozenLoss
  fit: loop.FitConfig
  optim: optim.OptimConfig
  data: pipeline.PipelineConfig
  mesh: jax.sharding.Mesh
  objective: losses.ObjectiveConfig
  extra: Mapping[str, Any]  # told by the finished model


def run(
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
  flags: flags_lib.Flags,
) -> int:
  topology.start()
  compilation.keep(workdir)
  config.init = flags.model or flags.policy or config.init
  own, data_dir = rounds.of(config), workdir / "data"
  if own.schedule == "none":
    stage(config, workdir, data_dir=data_dir, label="train")
  elif not (workdir / MODEL / "model.json").is_file():
    kept = rounds.run(
      *(config, own, workdir),
      lambda c, folder, label: stage(c, folder, data_dir=data_dir, label=label),
    )
    _save(config, workdir, kept)
  print(f"model: {workdir / MODEL}")
  return 0


def stage(
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
  *,
  data_dir: pathlib.Path,
  label: str,
) -> models.Loaded:
  """Trains as the config says, or loads what was trained here before.

  Args:
    config: see `configs/game24_policy.py`.
    workdir: gets `checkpoints/`, `metrics.jsonl`, `tensorboard/`, `model/`.
    data_dir: of generated data sets, shared by stages.
    label: of the progress bar.
  """
  if (workdir / MODEL / "model.json").is_file():
    return models.load(workdir / MODEL, "workdir")
  task = models.task(config.task)
  warm = _warm(config)
  tokenizer = warm.tokenizer if warm else task.tokenizer()
  assert not isinstance(tokenizer, public_notation.PublicNotation)
  # What the config alone can have wrong is told before anything is written.
  settings = make_settings(config, tokenizer.vocab_size, warm)
  model = settings.model
  if warm is not None:
    check_trunk(model.config, warm.model.config, "config.init")
  found = examples_lib.load(config, task, tokenizer, data_dir)
  _tell_dropped(found, settings.data)
  found = found._replace(
    train=soft_targets.teach(config, found.train, settings.data, warm)
  )
  for part in filter(None, found):
    losses.check_targets(model.config, config.objective.name, part)
  begun = beginnings.setup(
    model,
    settings.loss_fn,
    warm.params if warm else None,
    settings.lora,
    optim_config=settings.optim,
    rng_key=jax.random.key(config.seed),
    mesh=settings.mesh,
    num_micro_batches=config.num_micro_batches,
  )
  here = topology.here()
  shards = {
    "process_index": here.process_index,
    "process_count": here.process_count,
  }
  batches = pipeline.make_iterator(found.train, settings.data, **shards)
  with store.CheckpointStore(workdir / CHECKPOINTS) as checkpoints:
    state = loop.fit(
      begun.run,
      batches,
      settings.fit,
      workdir=workdir,
      store=checkpoints,
      eval_fn=_eval_fn(found, settings, begun.loss_fn, shards),
      label=label,
    )
  params = jax.device_get(nn.unbox(begun.merge(state.best_params)))
  raw = models.Loaded(model, params, tokenizer, _extra(config, settings, warm))
  loaded = soft_targets.calibrated(config, found.held_out, settings.data, raw)
  _save(config, workdir, loaded)
  soft_targets.write_confidence(config, *found, settings.data, loaded, workdir)
  return loaded


def _save(config, workdir, loaded):
  with disk.told_when_full(f"{workdir / MODEL}: model not saved"):
    models.save(workdir / MODEL, loaded, workdir)
  if "export" in config and config.export:
    models.export(workdir / config.export, loaded, workdir)


def _extra(
  config: ml_collections.ConfigDict,
  settings: Settings,
  warm: models.Loaded | None,
) -> dict[str, Any]:
  """What a reader of the finished model has to know."""
  extra = {
    "objective": config.objective.name,
    native.AGGREGATE: objectives.aggregate(settings.objective),
    **settings.extra,
  }
  if warm is not None and models.has_public_tokenizer(warm):
    encoding = config.encoding.to_dict()
    extra = {**public.inherited(warm.extra), **extra, "encoding": encoding}
  if "judgement" in config:
    own = {**config.judgement.to_dict(), "task": config.task.name}
    extra[native.JUDGEMENT] = own
  return extra


def _warm(config: ml_collections.ConfigDict) -> models.Loaded | None:
  """The model that training begins with.

  Parameters that are trained are float32 whatever the file has.
  """
  if not config.init:
    return None
  rank = config.lora.rank if "lora" in config else 0
  return models.load(
    config.init, "config.init", param_dtype=None if rank else "float32"
  )


def make_settings(
  config: ml_collections.ConfigDict,
  vocab_size: int,
  warm: models.Loaded | None = None,
) -> Settings:
  """All groups of the config but the task and the examples.

  Args:
    config: of the run.
    vocab_size: of the tokenizer.
    warm: the model it begins with; the trunk of a public one is not told.

  Raises:
    UserError: names a field that does not fit.
  """
  if warm is not None and models.has_public_tokenizer(warm):
    trunk = warm.model.config.transformer
    model = lm.Model(models.heads_on(config.model, trunk))
  else:
    model = lm.Model(models.model_config(config.model, vocab_size))
  given = config.lora.to_dict() if "lora" in config else {}
  adapters = fields.dataclass(lora.LoraConfig, given, "lora")
  export = config.export if "export" in config else ""
  if export not in ("", "hf"):
    raise errors.UserError(f"export: {export!r} is not 'hf' or empty")
  if export:
    models.check_export(model.config)
  if adapters.rank and warm is None:
    raise errors.UserError("lora.rank: adapters need config.init, a model")
  objective = fields.dataclass(
    losses.ObjectiveConfig, config.objective.to_dict(), "objective"
  )
  data = training.pipeline_config(config.data, config.seed)
  if objectives.get(objective.name).is_whole and data.layout == "pack":
    raise errors.UserError(
      "data.layout: 'pack' puts solutions side by side, objective "
      f"{objective.name!r} needs 'bucket'"
    )
  if not 1 <= config.num_micro_batches <= data.batch_size or (
    data.batch_size % config.num_micro_batches
  ):
    raise errors.UserError(
      f"num_micro_batches: {config.num_micro_batches} does not divide "
      f"data.batch_size ({data.batch_size})"
    )
  mesh = training.mesh(config.mesh)
  loss_fn, extra = training.objective(
    model, objective, warm, str(config.init), mesh
  )
  return Settings(
    model=model,
    lora=adapters,
    loss_fn=loss_fn,
    fit=training.fit_config(config.fit, training_flops(model, data.length)),
    optim=training.optim_config(config.optim, config.fit.num_steps),
    data=data,
    mesh=mesh,
    objective=objective,
    extra=extra,
  )


def _tell_dropped(
  found: examples_lib.Loaded, data: pipeline.PipelineConfig
) -> None:
  longer = int((found.train.lengths > data.widths[-1]).sum())
  if longer and data.too_long == "drop":
    print(
      f"left out: {longer:,} of {len(found.train):,} examples, longer than "
      f"{data.widths[-1]} tokens (data.boundaries)"
    )


def training_flops(model: lm.Model, length: int) -> float:
  """FLOPs of one training token: forward, and backward at twice its price."""
  return 3.0 * model.config.transformer.forward_flops(length // 2)


def _eval_fn(
  found: examples_lib.Loaded,
  settings: Settings,
  loss_fn: losses.LossFn | step.FrozenLoss,
  shards: dict[str, int],
) -> loop.EvalFn | None:
  if found.held_out is None:
    return None
  held_out, once = found.held_out, training.one_pass(settings.data)
  return evaluate.make_eval_fn(
    loss_fn,
    lambda: pipeline.make_iterator(held_out, once, **shards),
    settings.mesh,
  )


def check_trunk(
  own: config_lib.ModelConfig, given: config_lib.ModelConfig, where: str
) -> None:
  """A model may start from another with the same trunk; heads may be new.

  Args:
    own: the model to train.
    given: the one that it starts from.
    where: the field that names the latter.

  Raises:
    UserError: names the field that differs.
  """
  sides = [dataclasses.asdict(side.transformer) for side in (own, given)]
  for name in sides[0]:
    if name not in _FREE and sides[0][name] != sides[1][name]:
      raise errors.UserError(
        f"{where}: checkpoint of another model: {name} is "
        f"{sides[1][name]} there, model.{name} is {sides[0][name]} here"
      )
