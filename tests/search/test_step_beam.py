import functools

import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.search import aggregate, step_beam
from tests.search import reference, tabular

RUNS = 5000


@functools.partial(
  tabular.jit, static_argnames=("width", "branch", "rule", "step_fn", "num")
)
def search(
  params, *, width, branch, rule="last", step_fn=tabular.step_fn, num=RUNS
):
  return step_beam.step_beam(
    params,
    tabular.keys(num),
    tabular.root(num, width * branch),
    step_fn,
    width=width,
    branch=branch,
    max_steps=tabular.LENGTH,
    aggregate=aggregate.by_name(rule),
  )


def chosen_codes(output):
  codes = np.asarray(output.embedding["code"])
  return np.take_along_axis(codes, np.asarray(output.chosen)[:, None], 1)[:, 0]


@pytest.mark.parametrize(
  ("width", "branch", "rule"),
  [(2, 2, "last"), (2, 2, "min"), (1, 3, "last"), (3, 1, "last")],
)
def test_law_of_the_solution(width, branch, rule):
  output = search(tabular.table(), width=width, branch=branch, rule=rule)
  law = reference.beam_law(width, branch, rule)
  assert sum(law.values()) == pytest.approx(1)
  expected = np.array([law.get(s.tokens, 0) for s in tabular.solutions()])
  codes = chosen_codes(output)
  reference.assert_law(codes, expected)
  # And its success probability.
  success = sum(p for row, p in law.items() if tabular.is_correct(row))
  right = [tabular.encode(s.tokens) for s in tabular.solutions() if s.correct]
  reference.assert_mean(np.isin(codes, right), success)


def test_trace_on_scripted_uniforms():
  rng = np.random.default_rng(0)
  uniforms = rng.random((200, tabular.LENGTH, 6)).astype(np.float32)
  output = search(
    (tabular.table(), jnp.asarray(uniforms)),
    width=3,
    branch=2,
    step_fn=tabular.scripted_step_fn,
    num=200,
  )
  for problem, script in enumerate(uniforms):
    rows, copies = reference.beam_trace(script, 3, 2)
    codes = [tabular.encode(row) for row in rows]
    np.testing.assert_array_equal(output.embedding["code"][problem], codes)
    np.testing.assert_array_equal(
      np.isneginf(output.log_weight[problem]), copies
    )


def covering_step_fn(params, rng_keys, embedding, active=None):
  """Row n writes token n modulo 3: a branch of 3 covers all children."""
  shape = embedding["length"].shape
  script = jnp.broadcast_to(
    jnp.arange(shape[1]) % 3, (shape[0], tabular.LENGTH, shape[1])
  )
  return tabular.forced_step_fn((params, script), rng_keys, embedding, active)


@pytest.mark.parametrize("width", [1, 2])
def test_exact_values_over_all_children_reach_a_correct_solution(width):
  output = search(
    tabular.table(tabular.value),
    width=width,
    branch=3,
    step_fn=covering_step_fn,
    num=1,
  )
  tokens = np.asarray(output.embedding["tokens"])[0, int(output.chosen[0])]
  assert tokens[0] == 1  # the first token of highest value, 0.648
  assert tabular.is_correct(tuple(int(a) for a in tokens if a >= 0))


def test_greedy_by_score_over_all_children():
  output = search(
    tabular.table(), width=1, branch=3, step_fn=covering_step_fn, num=1
  )
  assert chosen_codes(output)[0] == tabular.encode((0, 0, 0, 0))


def test_equal_scores_keep_the_first_rows():
  output = search(tabular.table(lambda prefix: 0.5), width=2, branch=2)
  first = np.asarray(output.ancestors)[:, 0]
  moved = (first != np.arange(4)).any(axis=1)
  assert moved.any()  # elsewhere all rows ended with the first token
  np.testing.assert_array_equal(first[moved], [[0, 0, 1, 1]] * moved.sum())
  np.testing.assert_array_equal(output.chosen, 0)


def test_nothing_is_selected_after_the_last_step():
  output = search(tabular.table(), width=2, branch=2)
  np.testing.assert_array_equal(
    np.asarray(output.ancestors)[:, -1], [np.arange(4)] * RUNS
  )


def test_rows_must_be_width_times_branch():
  with pytest.raises(ValueError, match=r"4 rows.*6"):
    step_beam.step_beam(
      tabular.table(),
      tabular.keys(1),
      tabular.root(1, 4),
      tabular.step_fn,
      width=3,
      branch=2,
      max_steps=4,
    )
