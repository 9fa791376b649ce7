"""Our side: one compiled program per case."""

import dataclasses
import functools
import time

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from prm_jax.build.methods import particles, sampling
from prm_jax.checkpoint import hf
from prm_jax.decode import sampling as sampling_lib
from prm_jax.decode import scoring, state, step
from prm_jax.models import config as config_lib
from prm_jax.models import lm
from prm_jax.text import delimiters


def make_checkpoints(folder, sizes: dict, seed: int = 0) -> None:
  """Random Qwen2-shaped policy and verifier, as files both sides read."""
  trunk = config_lib.TransformerConfig(
    use_qkv_bias=True, tie_embeddings=True, **sizes
  )
  lm_config = config_lib.ModelConfig(trunk)
  step_config = config_lib.ModelConfig(
    trunk, use_lm_head=False, value_head="step"
  )
  for name, config in (("policy", lm_config), ("verifier", step_config)):
    model = lm.Model(config)
    one = jnp.ones((1, 2), jnp.int32)
    params = nn.unbox(model.init(jax.random.key(seed), one, one, one))
    rng = np.random.default_rng(seed)
    if name == "verifier":  # heads begin with zeros
      head = params["params"]["value_head"]["Dense_0"]
      head["kernel"] = rng.normal(0, 0.1, head["kernel"].shape)
    hf.save(folder / name, params, config)


@dataclasses.dataclass(frozen=True)
class Case:
  """What both sides do.

  Attributes:
    prompts: B.
    rows: N of each prompt.
    steps: T.
    step_tokens: of every step; nothing ends earlier.
    scored: particle filtering with the verifier; else plain sampling.
  """

  prompts: int
  rows: int
  steps: int
  step_tokens: int
  prompt_tokens: int
  scored: bool

  @property
  def num_tokens(self) -> int:
    return self.prompts * self.rows * self.steps * self.step_tokens


def seconds_since(started: tuple[float, float]) -> dict[str, float]:
  """On the clock, and of processors whoever else is at work."""
  return {
    "wall_s": time.perf_counter() - started[0],
    "cpu_s": time.process_time() - started[1],
  }


class Engine:
  """The models, and the compiled programs."""

  def __init__(self, folder, chunk: int):
    self._policy, self._verifier = (
      hf.load(folder / name) for name in ("policy", "verifier")
    )
    self._params = lm.unstack(
      {"policy": self._policy.params, "verifier": self._verifier.params}
    )
    self._chunk = chunk
    self._programs = {}

  @property
  def vocab_size(self) -> int:
    return self._policy.config.transformer.vocab_size

  def check(self, tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logits and scores at the last token of [b, t]."""
    shape = tokens.shape
    positions = jnp.broadcast_to(jnp.arange(shape[1]), shape)
    out = []
    for checkpoint in (self._policy, self._verifier):
      model = lm.Model(checkpoint.config)
      found = lm.forward(
        model, checkpoint.params, jnp.asarray(tokens), positions,
        jnp.ones(shape, jnp.int32),
      )  # fmt: skip
      head = found.logits if found.values is None else found.values
      out.append(np.asarray(head[:, -1]))
    return out[0], np.asarray(jax.nn.softmax(out[1], axis=-1)[:, 1])

  def run(self, case: Case, prompts: np.ndarray, seed: int) -> dict:
    """Seconds of one run; compiles before."""
    keys = jax.random.split(jax.random.key(seed), case.prompts)
    inputs = (self._params, keys, jnp.asarray(prompts))
    if case not in self._programs:
      program = jax.jit(functools.partial(self._search, case))
      self._programs[case] = program.lower(*inputs).compile()
    started = time.perf_counter(), time.process_time()
    _, length, score = jax.device_get(self._programs[case](*inputs))
    spent = seconds_since(started)
    assert length.sum() == case.num_tokens, length
    assert np.isfinite(score).all()
    return spent

  def _search(self, case: Case, params, keys, prompts):
    policy = lm.Model(self._policy.config)
    judge = scoring.ModelScorer(lm.Model(self._verifier.config), self._chunk)
    never = delimiters.single_tokens([], self.vocab_size)
    steps = step.StepFactory(
      policy,
      judge if case.scored else scoring.NoScorer(),
      sampling_lib.SamplerConfig(),
      step.StepFormat(never, -1, case.step_tokens),
    )
    method = sampling.BestOfN(case.rows)
    if case.scored:
      method = particles.ParticleFilter(
        case.rows, resample="always", scheme="multinomial"
      )
    root = state.root(
      policy,
      params,
      prompts,
      jnp.full(case.prompts, case.prompt_tokens, jnp.int32),
      num_rows=case.rows,
      max_tokens=case.steps * case.step_tokens,
      scorer=steps.scorer,
    )
    found = method.bind(case.steps, steps)(params, keys, root)
    rows = found.embedding.rows
    return rows.tokens, rows.length, rows.score
