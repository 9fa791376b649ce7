"""Configs of the tree searches, bound to a model that writes."""

import importlib.util

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax import errors
from prm_jax.build import scorers, searches
from prm_jax.build.methods import tree_papers, trees
from prm_jax.configs import search_methods
from prm_jax.decode import sampling, scoring, signals, state, step
from prm_jax.models import cache, paged
from tests.decode import runs
from tests.models import tiny

CONFIGS = {
  "mcts": trees.MCTS(4, 3, num_moves=2, noise_fraction=0.25),
  "gumbel_mcts": trees.GumbelMCTS(4, 3, num_considered=2),
  "best_first": trees.BestFirst(
    4, 3, perspectives=("score", "progress"), enough=2
  ),
  "alpha_math": tree_papers.AlphaMath(4, 3),
  "rest_mcts": tree_papers.RestMCTS(4, 3, rollout_rows=2),
  "rap": tree_papers.RAP(4, 3, distinct=False),
  "mcts_dpo": tree_papers.MCTSDPO(4, 3),
  "i_mcts": tree_papers.IMCTS(4, 3, rollout_steps=1),
}


PAGE = 2


def factory(model, scorer=None):
  return step.StepFactory(
    model, scorer or scoring.NoScorer(), sampling.SamplerConfig(), runs.FORMAT
  )


@pytest.mark.parametrize("name", CONFIGS)
def test_searches_are_bound_to_models(name):
  """Traced, not run: what is searched with is tested in tests/search."""
  config = CONFIGS[name]
  assert searches.METHODS[name] is type(config)
  found = jax.eval_shape(*search(config, cache.CONTIGUOUS))
  assert found.step_scores.shape == (2, 4, 3)
  assert found.embedding.rows.tokens.shape == (2, 4, runs.SLOTS)


def search(config, layout, scorer=None):
  """(a program, its arguments)."""
  model, policy = runs.make()
  steps = factory(model, scorer)

  def run(params):
    root = state.root(
      model,
      params,
      jnp.asarray(runs.PROMPTS),
      jnp.asarray(runs.LENGTHS),
      num_rows=4,
      max_tokens=runs.SLOTS,
      scorer=steps.scorer,
      layout=layout,
    )
    keys = jax.random.split(jax.random.key(0), 2)
    return config.bind(3, steps)(params, keys, root)

  return run, {"policy": policy, "verifier": policy}


@pytest.mark.parametrize("name", ["mcts", "rest_mcts", "mcts_dpo"])
def test_the_pages_that_a_tree_asks_for_suffice(name):
  config = CONFIGS[name]
  pages = config.num_pages(3, runs.FORMAT.max_step_tokens, PAGE)
  run, params = search(config, paged.Paged(PAGE, pages))
  found = jax.jit(run)(params)
  kept = state.keep(found.embedding)
  assert not np.any(kept.overflow)
  # Every iteration of the token loop is counted, not only the last step's.
  assert np.all(kept.iterations >= found.cost.depth)
  assert np.all(found.cost.policy_tokens <= kept.iterations * 4)
  assert np.all(found.embedding.rows.length[:, 0] > 0)


def test_a_tree_that_asks_for_answers_shares_pages():
  """What is written behind the texts has pages of its own, then none."""
  config = trees.BestFirst(4, 2)
  pages = config.num_pages(3, runs.FORMAT.max_step_tokens, PAGE)
  own = signals.AnswerEntropy(runs.make()[0], (3, 7, 4), answer=2)
  scorer = scorers.laid_out(own, paged.Paged(PAGE, pages))
  run, params = search(config, scorer.layout, scorer)
  found = tiny.jit(run)(params)
  assert not np.any(state.keep(found.embedding).overflow)
  cached = found.embedding.rows.verifier.rows
  # Two for each of 4 rows: 3 tokens of a cue, and the answer's first.
  assert cached.refs.shape[1] == pages + 4 * 2
  np.testing.assert_array_equal(cached.length, found.embedding.rows.length)
  scores = found.step_scores[:, 0, 0]
  assert np.all((scores < -1e-3) & (scores > -np.log(runs.VOCAB)))


def test_pages_of_a_tree():
  # Of a step, 3 and the copy of one begun; 1 + 4 * 3 * 2 + 2 * 4 steps.
  assert CONFIGS["mcts"].num_pages(9, 5, 2) == 33 * 4
  # A move for each of 9 steps.
  assert CONFIGS["mcts_dpo"].num_pages(9, 5, 2) == (1 + 4 * 3 * 9 + 8) * 4
  # 3 steps of a roll-out.
  assert CONFIGS["rest_mcts"].num_pages(9, 5, 2) == (1 + 12 + 12 + 8) * 4


def test_what_the_configs_ship_is_the_papers():
  shipped = search_methods.METHODS
  assert shipped["alpha_math"]["num_rows"] == 5
  assert shipped["alpha_math"]["num_simulations"] == 40
  assert shipped["rest_mcts"]["num_rows"] == 3
  assert shipped["rap"]["num_rows"] == 4


@pytest.mark.parametrize(
  ("make", "message"),
  [
    (lambda: trees.MCTS(0), "search.num_rows: must be at least 1, got 0"),
    (
      lambda: trees.MCTS(4, 0),
      "search.num_simulations: must be at least 1, got 0",
    ),
    (lambda: trees.MCTS(4, num_moves=0), "search.num_moves"),
    (lambda: trees.MCTS(4, c_base=0.0), "search.c_base: must be positive"),
    (lambda: trees.MCTS(4, noise_fraction=2.0), "search.noise_fraction"),
    (lambda: trees.MCTS(4, prior="flat"), "prior: unknown prior 'flat'"),
    (lambda: trees.MCTS(4, aggregate="luck"), "'luck'"),
    (lambda: trees.GumbelMCTS(4, num_considered=0), "search.num_considered"),
    (lambda: trees.BestFirst(4, perspectives=()), "search.perspectives"),
    (
      lambda: trees.BestFirst(4, perspectives=("score",) * 3),
      "4 is not a multiple of the number of search.perspectives",
    ),
    (
      lambda: trees.BestFirst(4, perspectives=("luck",)),
      "perspectives: unknown 'luck'",
    ),
    (lambda: trees.BestFirst(4, enough=0), "search.enough"),
    (lambda: tree_papers.AlphaMath(4, c_puct=-1.0), "search.c_puct"),
    (
      lambda: tree_papers.RestMCTS(2, rollout_rows=3),
      "search.rollout_rows: 3 with 2 rows",
    ),
    (lambda: tree_papers.RestMCTS(2, rollout_weight=1.5), "in .0, 1."),
    (lambda: tree_papers.RAP(4, alpha=-0.5), "search.alpha"),
    (lambda: tree_papers.MCTSDPO(4, num_moves=0), "search.num_moves"),
    (lambda: tree_papers.IMCTS(4, prior_visits=0.0), "search.prior_visits"),
    (
      lambda: trees.MCTS(4).bind(0, factory(runs.make()[0])),
      "max_steps: must be at least 1, got 0",
    ),
  ],
)
def test_mistakes_are_told(make, message):
  with pytest.raises(errors.UserError, match=message):
    make()


def test_a_package_that_is_missing_is_told(monkeypatch):
  monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
  trees.MCTS(4, q="raw")
  for method in (trees.MCTS, trees.GumbelMCTS):
    with pytest.raises(errors.UserError, match="package mctx"):
      method(4)
