"""Solvers of Game of 24 with a policy of one layer, and runs on devices.

`python tiny_solver.py` prints the rows that eight devices find.
"""

import functools
import json

import jax
import jax.numpy as jnp

from prm_jax.build import searches
from prm_jax.build.methods import base as methods
from prm_jax.build.methods import particles
from prm_jax.decode import sampling, scoring, step
from prm_jax.solvers import oracle, solver
from prm_jax.tasks import game24
from prm_jax.text import delimiters, token_bytes
from tests.models import tiny

MAX_STEPS, MAX_STEP_TOKENS, SLOTS = 3, 7, 18


@functools.cache
def task():
  return game24.Game24()


@functools.cache
def tokenizer():
  return task().tokenizer()


@functools.cache
def problems():
  return tuple(task().problems("test"))[:11]


@functools.cache
def make(seed=0, **changes):
  """(model, parameters); as a policy it ends a step at one token in ten."""
  model, params = tiny.make(
    seed, vocab_size=tokenizer().vocab_size, num_layers=1, **changes
  )
  # Every text points along the first axis, and the delimiters ask for it.
  trunk = params["params"]["trunk"]
  for block, name in (("attention", "out"), ("mlp", "down")):
    kernel = trunk["layers"][block][name]
    kernel["kernel"] = 0.5 * kernel["kernel"].at[..., 0].set(0)
  table = 0.2 * trunk["embedder"]["table"].at[:, 0].set(1)
  ends = jnp.array([tokenizer().step_id, tokenizer().eos_id])
  trunk["embedder"]["table"] = table.at[ends, 0].set(6.0)
  return model, params


def solve_with(
  search: methods.MethodConfig,
  *,
  scorer=None,
  verifier=None,
  batch_size=8,
  barrier=1.0,
  slots=0,
  prompt_tokens=6,
  on_trace=lambda: None,
  sizes=None,
  **options,
) -> solver.Solver:
  """A solver with the policy of seed 0, `target` being a second one's."""
  policy, params = make()
  target = options.pop("target", None)
  second, its = (None, None) if target is None else make(target)
  delimiter = delimiters.single_tokens(
    [tokenizer().step_id], tokenizer().vocab_size
  )
  steps = step.StepFactory(
    policy,
    scorer or scoring.NoScorer(),
    options.pop("sampler", sampling.SamplerConfig()),
    step.StepFormat(delimiter, tokenizer().eos_id, MAX_STEP_TOKENS, barrier),
    searches.run_fn(search, slots),
    second,
    token_bytes.Vocabulary(tokenizer().backend, tokenizer().vocab_size),
  )
  bound = search.bind(MAX_STEPS, steps)

  def search_fn(*args):
    on_trace()
    return bound(*args)

  return solver.Solver(
    {"policy": params, "verifier": verifier, "target": its},
    tokenizer(),
    steps=steps,
    search_fn=search_fn,
    num_rows=search.num_rows,
    config=solver.SolverConfig(
      batch_size, prompt_tokens, SLOTS, slots=slots, **(sizes or {})
    ),
    **options,
  )


def verified(search, **options) -> solver.Solver:
  """With a second model as verifier."""
  model, params = make(1, value_head="token", use_lm_head=False)
  sizes = solver.SolverConfig(**(options.get("sizes") or {}))
  scorer = scoring.ModelScorer(model, MAX_STEP_TOKENS, layout=sizes.layout)
  return solve_with(search, scorer=scorer, verifier=params, **options)


PAGES = {"cache": "paged", "page_tokens": 4}
PARTICLES = particles.ParticleFilter(4, resample="always")


def with_oracle(search, **options) -> solver.Solver:
  """With the exact value as verifier."""
  values = oracle.OracleValues(task(), tokenizer(), problems())
  return solve_with(search, scorer=scoring.OracleScorer(values), **options)


def found(solved: solver.Solved) -> dict:
  """What must not depend on devices, as JSON."""
  return {
    "tokens": solved.tokens.tolist(),
    "chosen": solved.chosen.tolist(),
    "scores": solved.step_scores.tolist(),
    "cost": {k: v.tolist() for k, v in solved.cost._asdict().items()},
  }


def main():
  assert jax.device_count() == 8
  spread = verified(PARTICLES)
  devices = {d for x in spread.program.input_shardings[0][1:]
             for d in x.device_set}  # fmt: skip
  exact = with_oracle(PARTICLES, batch_size=4)  # on four of the devices
  print(
    json.dumps(
      {
        "devices": len(devices),
        "model": found(spread.solve(problems())),
        "oracle": found(exact.solve(problems())),
        "paged": found(verified(PARTICLES, sizes=PAGES).solve(problems())),
      }
    )
  )


if __name__ == "__main__":
  main()
