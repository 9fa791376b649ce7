import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.search import best_of_n
from tests.search import reference, tabular

RUNS, ROWS = 5000, 16
PROB = np.array([s.prob for s in tabular.solutions()])
LAST = np.array([s.scores[-1] for s in tabular.solutions()])


@functools.partial(tabular.jit, static_argnames=("num", "rows", "max_steps"))
def search(table, num, rows=ROWS, max_steps=tabular.LENGTH):
  return best_of_n.best_of_n(
    table,
    tabular.keys(num),
    tabular.root(num, rows),
    tabular.step_fn,
    max_steps=max_steps,
  )


@pytest.fixture(scope="module")
def samples():
  return jax.device_get(search(tabular.table(), RUNS))


def best_of_first(samples, num):
  """Code and score of the best of the first `num` rows of each run."""
  best = np.argmax(samples.score[:, :num], axis=1)[:, None]
  pick = lambda rows: np.take_along_axis(rows, best, axis=1)[:, 0]
  return pick(samples.embedding["code"]), pick(samples.score)


@pytest.mark.parametrize("num", [1, 2, 4, 16])
def test_law_of_the_best(samples, num):
  codes, scores = best_of_first(samples, num)
  law = reference.best_of_n_law(num)
  reference.assert_law(codes, law)
  reference.assert_mean(scores, LAST @ law)


def test_rows_are_plain_samples(samples):
  reference.assert_law(samples.embedding["code"].ravel(), PROB)


def test_chooses_the_best_of_all_rows(samples):
  np.testing.assert_array_equal(
    samples.chosen, np.argmax(samples.score, axis=1)
  )


def test_records_log_probabilities_and_scores(samples):
  by_code = {tabular.encode(s.tokens): s for s in tabular.solutions()}
  for problem in range(5):
    for row in range(ROWS):
      solution = by_code[int(samples.embedding["code"][problem, row])]
      num = len(solution.tokens)
      assert samples.num_steps[problem, row] == num
      np.testing.assert_allclose(
        samples.step_scores[problem, row],
        [*solution.scores, *[0] * (tabular.LENGTH - num)],
        rtol=1e-5,
      )
      np.testing.assert_allclose(
        samples.log_prob[problem, row], np.log(solution.prob), rtol=1e-4
      )
  assert (samples.log_ratio == 0).all()
  assert samples.done.all()


def test_equal_scores_choose_the_first_row():
  output = search(tabular.table(lambda prefix: 0.7), RUNS)
  np.testing.assert_array_equal(output.chosen, 0)


def test_scores_that_are_the_truth_give_pass_at_n():
  output = search(tabular.table(tabular.is_correct), RUNS)
  correct = np.asarray(tabular.correct(output.embedding))
  chosen = np.take_along_axis(correct, np.asarray(output.chosen)[:, None], 1)
  np.testing.assert_array_equal(chosen[:, 0], correct.max(axis=1))
  # pass@8, from the first 8 of the 16 rows.
  reference.assert_mean(correct[:, :8].max(axis=1), 0.775332)


def test_temperature_zero_is_greedy():
  output = search(tabular.table(temperature=1e-4), RUNS)
  np.testing.assert_array_equal(
    output.embedding["code"], tabular.encode((0, 2))
  )


def test_step_budget_cuts_rows_off():
  output = search(tabular.table(), 50, 4, 2)
  tokens = np.asarray(output.embedding["tokens"])
  assert (tokens[..., 2:] == -1).all()
  ended = (tokens == tabular.END).any(axis=-1)
  np.testing.assert_array_equal(output.done, ended)
  assert not ended.all()
  assert output.step_scores.shape == (50, 4, 2)


def test_max_steps_must_be_positive():
  with pytest.raises(ValueError, match="max_steps"):
    best_of_n.best_of_n(
      tabular.table(),
      tabular.keys(1),
      tabular.root(1, 1),
      tabular.step_fn,
      max_steps=0,
    )


@pytest.mark.slow
def test_jit_changes_nothing():
  table = tabular.table()
  fast = search(table, 2, 3)
  with jax.disable_jit():
    slow = search(table, 2, 3)
  np.testing.assert_array_equal(
    fast.embedding["tokens"], slow.embedding["tokens"]
  )
  jax.tree.map(
    functools.partial(np.testing.assert_allclose, rtol=1e-5),
    jax.device_get(fast._replace(embedding=jnp.int32(0))),
    jax.device_get(slow._replace(embedding=jnp.int32(0))),
  )
