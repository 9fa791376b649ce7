"""Scorers made of others as rows grow, against readings of whole texts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.build import scorers
from prm_jax.models import cache, combined, paged, reads
from tests.decode import runs
from tests.models import tiny

VALUE = {"value_head": "token", "use_lm_head": False}


@pytest.fixture(scope="module")
def policy():
  return runs.make()


@pytest.fixture(scope="module")
def verifiers():
  return [runs.make(seed, **VALUE) for seed in (1, 2)]


def reading(kind, verifiers, policy):
  """The reading, its parameters, and how often a token is read."""
  own = [reads.Values(model) for model, _ in verifiers]
  both = {str(i): params for i, (_, params) in enumerate(verifiers)}
  ratios = reads.LogRatios(policy[0], runs.make(3)[0], 0.7)
  sides = {"model": policy[1], "reference": runs.make(3)[1]}
  pool = combined.Pool("lower", 0.5)
  knots = ((0.2, 0.1), (0.8, 0.4))
  return {
    "verdicts": (
      combined.Verdicts(policy[0], combined.VerdictHead(4, 7)), policy[1], 1
    ),
    "ratios": (ratios, sides, 2),
    "step rewards": (combined.Differences(ratios), sides, 2),
    "calibrated": (
      combined.Calibrated(own[0], combined.ScoreMap(2.0, knots)), both["0"], 1
    ),
    "ensemble": (combined.Ensemble(tuple(own), pool), both, 2),
    "advantages": (combined.Advantages(*own, alpha=0.5), both, 2),
  }[kind]  # fmt: skip


def whole(read, params, stage):
  """[B, N] of the last step, by reading texts with all their steps' ends."""
  tokens, length = map(jnp.asarray, runs.flat_texts(stage.after))
  start = np.repeat(runs.LENGTHS, runs.ROWS)
  before = start + stage.before.length.reshape(-1) - 1
  places = np.stack([before, np.asarray(length) - 1], axis=1)
  texts = reads.Texts(tokens, length, *map(jnp.asarray, (start, places)))
  found = tiny.jit(read)(params, texts)
  return np.asarray(found).reshape(*stage.after.length.shape, 2)


@pytest.mark.parametrize(
  "kind",
  ["verdicts", "ratios", "step rewards", "calibrated", "ensemble"],
)
def test_step_by_step_as_at_once(kind, policy, verifiers):
  read, params, times = reading(kind, verifiers, policy)
  scorer = scorers.scorer(read)
  stages = runs.run(
    policy[0], {"policy": policy[1], "verifier": params}, scorer
  )
  for stage in stages:
    want = whole(read, params, stage)[..., 1]
    moved = stage.after.length > stage.before.length
    np.testing.assert_allclose(
      stage.output.score[moved], want[moved], rtol=1e-4, atol=1e-5
    )
    np.testing.assert_array_equal(
      stage.output.verifier_tokens, times * stage.output.num_tokens
    )
  assert np.std(stages[0].output.score) > 1e-3


def test_progress_begins_at_the_prompts_value(policy, verifiers):
  read, params, _ = reading("advantages", verifiers, policy)
  scorer = scorers.scorer(read)
  stages = runs.run(
    policy[0], {"policy": policy[1], "verifier": params}, scorer
  )
  for stage in stages:
    base, prover = (
      whole(own, params[str(i)], stage)
      for i, own in enumerate((read.base, read.prover))
    )
    want = base[..., 1] + 0.5 * (prover[..., 1] - prover[..., 0])
    moved = stage.after.length > stage.before.length
    np.testing.assert_allclose(
      stage.output.score[moved], want[moved], rtol=1e-4, atol=1e-5
    )
  # And as one reading: the place before the first step is the prompt's end.
  first = stages[0]
  np.testing.assert_allclose(
    first.output.score, whole(read, params, first)[..., 1], atol=1e-5
  )


@pytest.mark.parametrize("kind", ["step rewards", "advantages"])
def test_layouts_reach_every_member(kind, policy, verifiers):
  """Pages of the members' caches change no score."""
  read, params, _ = reading(kind, verifiers, policy)
  given = {"policy": policy[1], "verifier": params}
  plain = scorers.scorer(read)
  paged_ = scorers.laid_out(plain, paged.Paged(4))
  prompts, length = jnp.asarray(runs.PROMPTS), jnp.asarray(runs.LENGTHS)
  root = jax.eval_shape(
    lambda p: paged_.start(p, prompts, length, 2, runs.SLOTS)[1], given
  )
  rows = jax.tree.leaves(root, is_leaf=lambda x: isinstance(x, cache.Rows))
  caches = [node for node in rows if isinstance(node, cache.Rows)]
  assert len(caches) == 2
  assert all(isinstance(node, paged.PagedRows) for node in caches)
