"""Beams with lookahead, DVTS, REBASE and SBS against plain Python."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.search import dvts, lookahead, rebase, sbs, step_beam
from tests.search import reference_beams, tabular

PROBLEMS, ROWS = 200, 6
UNIFORMS = (
  np.random.default_rng(0)
  .random((PROBLEMS, tabular.LENGTH, ROWS))
  .astype(np.float32)
)


def greedy_step_fn(params, rng_keys, embedding, active=None):
  """The most likely token; `params` as of `scripted_step_fn`."""
  del rng_keys
  model, _ = params
  token = jnp.argmax(model.log_q[embedding["code"]], axis=-1)
  return tabular.write(model, token, embedding, active)


def same_text(embedding):
  code = embedding["code"]
  return code[:, :, None] == code[:, None, :]


def ahead(depth):
  return lookahead.lookahead(tabular.scripted_step_fn, greedy_step_fn, depth)


BEAM = functools.partial(step_beam.step_beam, width=3, branch=2)
RUNS = {
  "deep": functools.partial(BEAM, step_fn=ahead(2)),
  "plain": functools.partial(BEAM, step_fn=tabular.scripted_step_fn),
  "dedup": functools.partial(
    BEAM, step_fn=tabular.scripted_step_fn, same_fn=same_text
  ),
  "dvts": functools.partial(
    dvts.dvts, step_fn=tabular.scripted_step_fn, num_groups=2, branch=3
  ),
  "rebase": functools.partial(rebase.rebase, step_fn=tabular.scripted_step_fn),
  "sbs": functools.partial(
    sbs.sbs, step_fn=tabular.scripted_step_fn, width=3, branch=2
  ),
  "sbs1": functools.partial(
    sbs.sbs, step_fn=tabular.scripted_step_fn, width=1, branch=6
  ),
  "beam1": functools.partial(
    step_beam.step_beam,
    step_fn=tabular.scripted_step_fn,
    width=1,
    branch=6,
  ),
  "dvts1": functools.partial(
    dvts.dvts, step_fn=tabular.scripted_step_fn, num_groups=1, branch=6
  ),
}


@functools.cache
def outputs():
  """All runs in one program."""
  params = (tabular.table(), jnp.asarray(UNIFORMS))
  keys, root = tabular.keys(PROBLEMS), tabular.root(PROBLEMS, ROWS)

  @tabular.jit
  def search(params):
    return {
      name: method(params, keys, root, max_steps=tabular.LENGTH)
      for name, method in RUNS.items()
    }

  return jax.device_get(search(params))


def texts(output, problem):
  codes = output.embedding["code"][problem].tolist()
  return [DECODE[code] for code in codes]


DECODE = {tabular.encode(prefix): prefix for prefix in tabular.prefixes()}


def chosen(output):
  place = output.chosen[:, None]
  codes = np.take_along_axis(output.embedding["code"], place, axis=1)[:, 0]
  return [DECODE[code] for code in codes.tolist()]


@pytest.mark.parametrize(
  ("name", "options"),
  [("plain", {}), ("deep", {"depth": 2}), ("dedup", {"dedup": True})],
)
def test_beams_on_scripted_uniforms(name, options):
  output = outputs()[name]
  for problem, script in enumerate(UNIFORMS):
    rows, written, thrown = reference_beams.beam_trace(script, 3, 2, **options)
    assert texts(output, problem) == rows
    cost = jax.tree.map(lambda x, n=problem: int(x[n]), output.cost)
    assert cost.policy_tokens == cost.verifier_tokens == written + thrown
    assert cost.discarded_tokens >= thrown
    steps = output.num_steps[problem].max()
    assert cost.depth == cost.slots / ROWS
    assert steps <= cost.depth <= 3 * steps
    assert (cost.depth > steps) == (thrown > 0)


def test_variants_of_beams_differ():
  """Else the traces above would say nothing of them."""
  runs = outputs()
  for name in ("deep", "dedup", "sbs"):
    assert chosen(runs[name]) != chosen(runs["plain"]), name


def test_score_of_a_step_is_that_of_its_roll_out():
  output = outputs()["deep"]
  rows = texts(output, 0)
  for row, scores in zip(rows, output.step_scores[0], strict=True):
    expected = [
      tabular.prm(reference_beams.rolled(row[: n + 1], 2))
      for n in range(len(row))
    ]
    np.testing.assert_allclose(scores[: len(row)], expected, rtol=1e-5)


def test_depth_zero_is_the_step_function_itself():
  step_fn = tabular.step_fn
  assert lookahead.lookahead(step_fn, greedy_step_fn, 0) is step_fn
  with pytest.raises(ValueError, match="depth"):
    lookahead.lookahead(step_fn, greedy_step_fn, -1)


def test_dvts_on_scripted_uniforms():
  output = outputs()["dvts"]
  assert np.isneginf(output.log_weight).any()
  for problem, script in enumerate(UNIFORMS):
    rows, counted = reference_beams.dvts_trace(script, 2, 3)
    assert texts(output, problem) == rows
    # Rows that end at the last step of their problem count, done or not.
    counts = ~np.isneginf(output.log_weight[problem])
    np.testing.assert_array_equal(counts, counted)


def test_dvts_groups_never_mix():
  groups = outputs()["dvts"].ancestors // 3
  assert (groups == np.arange(ROWS) // 3).all()


def test_one_group_is_greedy_step_search_and_the_smallest_beam():
  runs = outputs()
  assert chosen(runs["dvts1"]) == chosen(runs["beam1"])
  assert chosen(runs["sbs1"]) == chosen(runs["beam1"])


def test_rebase_on_scripted_uniforms():
  output = outputs()["rebase"]
  for problem, script in enumerate(UNIFORMS):
    rows = reference_beams.rebase_trace(script, 0.2)
    assert texts(output, problem) == rows


def test_sbs_on_scripted_uniforms():
  output = outputs()["sbs"]
  for problem, script in enumerate(UNIFORMS):
    answers = reference_beams.sbs_trace(script, 3, 2)
    assert chosen(output)[problem] == max(answers, key=tabular.prm)
    weights = output.log_weight[problem]
    found = [
      row
      for row, weight in zip(texts(output, problem), weights, strict=True)
      if weight == 0
    ]
    assert set(answers) <= set(found)
    assert all(map(tabular.done, found))


def test_sbs_never_answers_what_is_not_valid():
  def correct(embedding):
    return tabular.correct(embedding) > 0

  num = 500
  output = tabular.jit(
    lambda: sbs.sbs(
      tabular.table(),
      tabular.keys(num),
      tabular.root(num, 4),
      tabular.step_fn,
      width=2,
      branch=2,
      max_steps=tabular.LENGTH,
      valid_fn=correct,
    )
  )()
  valid = np.asarray(tabular.correct(output.embedding)) > 0
  some = valid.any(axis=1)
  assert 0 < some.sum() < num
  right = np.take_along_axis(valid, np.asarray(output.chosen)[:, None], 1)
  idle = np.isneginf(output.log_weight)
  assert right[some].all()
  assert (valid | idle)[some].all()
  best = np.where(idle, -np.inf, output.score).argmax(axis=1)
  np.testing.assert_array_equal(best, output.chosen)


@pytest.mark.parametrize(
  ("scores", "width", "expected"),
  [
    ([0.9, 0.8, 0.5, 0.2], 16, [10, 5, 1, 0]),
    ([0.5, 0.5, 0.5, 0.5], 16, [4, 4, 4, 4]),
    ([0.9, 0.1], 3, [3, 0]),
    ([0.1, np.nan, 0.9], 3, [0, 0, 3]),
    ([np.nan, np.nan], 4, [2, 2]),
    ([0.5, 0.5, 0.5], 2, [1, 1, 0]),
    ([1e30, 0.0], 5, [5, 0]),
    # What is left after the first is halved, and no half is rounded up.
    ([0.9, 0.7, 0.7], 16, [10, 3, 3]),
  ],
)
def test_allocation(scores, width, expected):
  got = rebase.allocate(
    jnp.array(scores),
    jnp.ones(len(scores), bool),
    jnp.int32(width),
    0.2,
  )
  np.testing.assert_array_equal(got, expected)


def test_allocation_sums_up_and_leaves_finished_rows_out():
  rng = np.random.default_rng(0)
  scores = rng.random((500, 8)).astype(np.float32)
  going = rng.random((500, 8)) < 0.7
  width = rng.integers(1, 30, size=500) * going.any(axis=1)
  allocate = jax.vmap(rebase.allocate, (0, 0, 0, None))
  got = np.asarray(
    allocate(jnp.asarray(scores), jnp.asarray(going), jnp.asarray(width), 0.2)
  )
  np.testing.assert_array_equal(got.sum(axis=1), width)
  assert (got[~going] == 0).all()
  for n in range(500):
    own = reference_beams.allocate(scores[n][going[n]], width[n], 0.2)
    np.testing.assert_array_equal(got[n][going[n]], own)


def test_nan_scores_are_the_worst():
  """A verifier that fails on every text beginning with 0."""
  score = lambda prefix: np.nan if prefix[0] == 0 else tabular.prm(prefix)
  params = tabular.table(score)
  keys, root = tabular.keys(200), tabular.root(200, 4)
  runs = [
    functools.partial(step_beam.step_beam, width=2, branch=2),
    functools.partial(dvts.dvts, num_groups=1, branch=4),
    rebase.rebase,
  ]

  @tabular.jit
  def search():
    options = {"step_fn": tabular.step_fn, "max_steps": tabular.LENGTH}
    return [method(params, keys, root, **options) for method in runs]

  for output in search():
    first = np.asarray(output.embedding["tokens"])[:, :, 0]
    won = np.take_along_axis(first, np.asarray(output.chosen)[:, None], 1)
    failed = (np.isnan(output.step_scores[:, :, 0])).all(axis=1)
    assert 0 < failed.sum() < 200
    assert (won[~failed] != 0).all()


@pytest.mark.parametrize(
  ("method", "match"),
  [
    (functools.partial(dvts.dvts, num_groups=2, branch=3), r"4 rows.*6"),
    (functools.partial(rebase.rebase, temperature=0.0), "temperature"),
  ],
)
def test_mistakes_of_callers(method, match):
  with pytest.raises(ValueError, match=match):
    method(
      tabular.table(),
      tabular.keys(1),
      tabular.root(1, 4),
      tabular.step_fn,
      max_steps=4,
    )
