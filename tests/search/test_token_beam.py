import numpy as np
import pytest

from prm_jax.search import aggregate, loop, step_beam, token_beam
from tests.search import tabular

NUM, WIDTH, BRANCH = 300, 2, 3


@pytest.fixture(scope="module")
def outputs():
  def run(rule):
    # A sampler that is not the policy: ranks are by the policy's own law.
    return step_beam.step_beam(
      tabular.table(temperature=2.0),
      tabular.keys(NUM),
      tabular.root(NUM, WIDTH * BRANCH),
      token_beam.log_likelihood(tabular.step_fn),
      width=WIDTH,
      branch=BRANCH,
      max_steps=tabular.LENGTH,
      aggregate=aggregate.by_name(rule),
      same_fn=lambda state: (
        state["code"][:, :, None] == state["code"][:, None, :]
      ),
    )

  return tabular.jit(lambda: {rule: run(rule) for rule in ("sum", "mean")})()


def log_p(row):
  return [np.log(tabular.policy(row[:n])[row[n]]) for n in range(len(row))]


@pytest.mark.parametrize("rule", ["sum", "mean"])
def test_rows_are_ranked_by_the_likelihood_of_their_texts(outputs, rule):
  output = outputs[rule]
  best = []
  for n in range(NUM):
    tokens = np.asarray(output.embedding["tokens"][n]).tolist()
    rows = [tuple(a for a in row if a >= 0) for row in tokens]
    reduce = np.sum if rule == "sum" else np.mean
    scores = [reduce(log_p(row)) for row in rows]
    np.testing.assert_allclose(output.score[n], scores, rtol=1e-5)
    assert scores[int(output.chosen[n])] == pytest.approx(max(scores))
    best.append(rows[int(output.chosen[n])])
  # The most likely solution of all, where the beam happens on it.
  likely = max(tabular.solutions(), key=lambda s: s.prob).tokens
  share = np.mean([row == likely for row in best])
  assert (share > 0.8) == (rule == "sum")


def test_beams_hold_different_texts(outputs):
  """After the first step each kept prefix is another while two were drawn."""
  output = outputs["sum"]
  rows = np.asarray(output.ancestors)[:, 0]
  moved = (rows != np.arange(WIDTH * BRANCH)).any(axis=1)
  drawn = tabular.jit(
    lambda: tabular.step_fn(
      tabular.table(temperature=2.0),
      loop.step_keys(tabular.keys(NUM), 0),
      tabular.root(NUM, WIDTH * BRANCH),
    )[1]["code"]
  )()
  drawn = np.asarray(drawn)
  kept = np.take_along_axis(drawn, rows, axis=1)
  variety = np.array([len(set(row)) for row in drawn.tolist()])
  several = moved & (variety > 1)
  assert several.sum() > 50
  found = np.array([len(set(row)) for row in kept.tolist()])
  np.testing.assert_array_equal(found[several], WIDTH)
  np.testing.assert_array_equal(found[moved & (variety == 1)], 1)
