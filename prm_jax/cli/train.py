"""`prm-jax train`: one training run of any objective; resumes by itself."""

import pathlib

import flax.linen as nn
import jax
import ml_collections
import rich

from prm_jax import errors
from prm_jax.build import fields, losses, models, training
from prm_jax.checkpoint import store
from prm_jax.cli import compilation
from prm_jax.cli import examples as examples_lib
from prm_jax.cli import flags as flags_lib
from prm_jax.data import pipeline
from prm_jax.models import lm
from prm_jax.train import evaluate, loop, topology

DEFAULT_CONFIG = "game24_policy"
VOLATILE = (
  "config.fit.log_every",
  "config.fit.eval_every",
  "config.fit.save_every",
)
MODEL = "model"
CHECKPOINTS = "checkpoints"


def run(
  config: ml_collections.ConfigDict,
  workdir: pathlib.Path,
  flags: flags_lib.Flags,
) -> int:
  topology.start()
  compilation.keep(workdir)
  if flags.model:
    config.init = flags.model
  stage(config, workdir, data_dir=workdir / "data", label="train")
  rich.print(f"model: {workdir / MODEL}")
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
  warm = models.load(config.init, "config.init") if config.init else None
  tokenizer = warm.tokenizer if warm else task.tokenizer()
  model = lm.Model(models.model_config(config.model, tokenizer.vocab_size))
  _check_trunk(model, warm)
  found = examples_lib.load(config, task, tokenizer, data_dir)
  data = training.pipeline_config(config.data, config.seed)
  _tell_dropped(found, data)
  mesh = training.mesh(config.mesh)
  loss_fn = losses.loss_fn(
    model,
    fields.dataclass(
      losses.ObjectiveConfig, config.objective.to_dict(), "objective"
    ),
  )
  setup = loop.setup(
    models.init_fn(model, warm.params if warm else None),
    loss_fn,
    optim_config=training.optim_config(config.optim, config.fit.num_steps),
    rng_key=jax.random.key(config.seed),
    mesh=mesh,
    num_micro_batches=config.num_micro_batches,
  )
  here = topology.here()
  shards = {
    "process_index": here.process_index,
    "process_count": here.process_count,
  }
  batches = pipeline.make_iterator(found.train, data, **shards)
  with store.CheckpointStore(workdir / CHECKPOINTS) as checkpoints:
    state = loop.fit(
      setup,
      batches,
      training.fit_config(config.fit, training_flops(model, data.length)),
      workdir=workdir,
      store=checkpoints,
      eval_fn=_eval_fn(found, data, shards, loss_fn, mesh),
      label=label,
    )
  params = jax.device_get(nn.unbox(state.best_params))
  loaded = models.Loaded(
    model, params, tokenizer, {"objective": config.objective.name}
  )
  models.save(workdir / MODEL, loaded, workdir)
  return loaded


def _tell_dropped(
  found: examples_lib.Loaded, data: pipeline.PipelineConfig
) -> None:
  longer = int((found.train.lengths > data.widths[-1]).sum())
  if longer and data.too_long == "drop":
    rich.print(
      f"left out: {longer:,} of {len(found.train):,} examples, longer than "
      f"{data.widths[-1]} tokens (data.boundaries)"
    )


def training_flops(model: lm.Model, length: int) -> float:
  """FLOPs of one training token: forward, and backward at twice its price."""
  return 3.0 * model.config.transformer.forward_flops(length // 2)


def _eval_fn(found, data, shards, loss_fn, mesh):
  if found.held_out is None:
    return None
  once = training.one_pass(data)
  return evaluate.make_eval_fn(
    loss_fn,
    lambda: pipeline.make_iterator(found.held_out, once, **shards),
    mesh,
  )


def _check_trunk(model: lm.Model, warm: models.Loaded | None) -> None:
  if warm is None:
    return
  own, given = model.config.transformer, warm.model.config.transformer
  for name in ("vocab_size", "num_layers", "embed_dim", "num_heads",
               "num_kv_heads", "head_dim", "mlp_dim"):  # fmt: skip
    if getattr(own, name) != getattr(given, name):
      raise errors.UserError(
        f"config.init: checkpoint of another model: {name} is "
        f"{getattr(given, name)} there, config.model has {getattr(own, name)}"
      )
