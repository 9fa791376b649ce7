import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.search import early_rejection, loop, step_beam
from tests.search import reference_beams, tabular

PROBLEMS, WIDTH, BRANCH = 200, 2, 3
UNIFORMS = (
  np.random.default_rng(0)
  .random((PROBLEMS, tabular.LENGTH, WIDTH * BRANCH))
  .astype(np.float32)
)


def scripted(params, rng_keys, embedding, active=None):
  """As `tabular.scripted_step_fn`, also on fewer rows than the script has."""
  model, uniforms = params
  own = uniforms[:, :, : embedding["length"].shape[1]]
  return tabular.scripted_step_fn((model, own), rng_keys, embedding, active)


def beginning(step_fn):
  """`step_fn` as the first half of a step of two tokens."""

  def begin(params, rng_keys, embedding, active=None):
    output, embedding = step_fn(params, rng_keys, embedding, active)
    wrote = output.num_tokens > 0
    return output._replace(cut=wrote & ~output.done), embedding

  return begin


def beam_in_halves(params, keys, root, step_fn, **options):
  """The method with two rows kept of four."""
  return early_rejection.early_rejection(
    params,
    keys,
    root,
    beginning(step_fn),
    step_fn,
    width=2,
    branch=2,
    **options,
  )


def both(step_fn):
  """A whole step of two tokens."""

  def step(params, rng_keys, embedding, active=None):
    first, embedding = step_fn(params, rng_keys, embedding, active)
    second, embedding = step_fn(params, rng_keys, embedding, active)
    output = second._replace(
      log_prob=first.log_prob + second.log_prob,
      log_ratio=first.log_ratio + second.log_ratio,
      num_tokens=first.num_tokens + second.num_tokens,
      verifier_tokens=first.verifier_tokens + second.verifier_tokens,
      iterations=first.iterations + second.iterations,
    )
    return output, embedding

  return step


def reject(params, step_fn, num, *, width, branch, max_steps=2, **options):
  return early_rejection.early_rejection(
    params,
    tabular.keys(num),
    tabular.root(num, width * branch),
    beginning(step_fn),
    step_fn,
    width=width,
    branch=branch,
    max_steps=max_steps,
    **options,
  )


@functools.cache
def outputs():
  params = (tabular.table(), jnp.asarray(UNIFORMS))

  @tabular.jit
  def search(params):
    run = functools.partial(
      reject, params, scripted, PROBLEMS, width=WIDTH, branch=BRANCH
    )
    return {rank: run(rank=rank) for rank in ("whole", "partial")}

  return jax.device_get(search(params))


@pytest.mark.parametrize("rank", ["whole", "partial"])
def test_trace_on_scripted_uniforms(rank):
  output = outputs()[rank]
  written = 0
  for n, script in enumerate(UNIFORMS):
    rows, tokens, depth = reference_beams.early_rejection_trace(
      script, WIDTH, BRANCH, 2, rank
    )
    counts = output.log_weight[n] == 0
    np.testing.assert_array_equal(counts, [True, False, False] * WIDTH)
    np.testing.assert_array_equal(
      output.embedding["code"][n][counts],
      [tabular.encode(row) for row, _ in rows],
    )
    np.testing.assert_allclose(
      output.score[n][counts], [score for _, score in rows], rtol=1e-6
    )
    log_p = [
      sum(np.log(tabular.policy(r[:i])[r[i]]) for i in range(len(r)))
      for r, _ in rows
    ]
    np.testing.assert_allclose(output.log_prob[n][counts], log_p, rtol=1e-5)
    assert output.cost.policy_tokens[n] == tokens
    assert output.cost.verifier_tokens[n] == tokens
    assert output.cost.depth[n] == depth
    assert output.cost.slots[n] <= 2 * depth * WIDTH * BRANCH
    kept = {r[: i + 1] for r, _ in rows for i in range(len(r))}
    lost = output.cost.discarded_tokens[n]
    assert tokens - lost >= len(kept)
    written += tokens
  whole = PROBLEMS * tabular.LENGTH * WIDTH * BRANCH
  assert written < 0.7 * whole


def test_what_is_discarded_is_what_no_final_row_holds():
  """Counted node by node: a row and its forks share their past."""
  output = outputs()["whole"]
  for n in range(PROBLEMS):
    writers, nodes = np.arange(WIDTH * BRANCH), 0
    lengths = output.num_steps[n].max()
    for step in reversed(range(lengths)):
      writers = np.unique(output.ancestors[n, step][writers])
      nodes += len(writers)
    kept = output.cost.policy_tokens[n] - output.cost.discarded_tokens[n]
    assert nodes <= kept <= 2 * nodes


@pytest.mark.parametrize("branch", [2, 1])
def test_without_cuts_it_chooses_as_the_beam(branch):
  num, width = 300, 2

  @tabular.jit
  def run():
    options = {"width": width, "branch": branch, "max_steps": 4}
    early = early_rejection.early_rejection(
      tabular.table(),
      tabular.keys(num),
      tabular.root(num, width * branch),
      tabular.step_fn,
      tabular.step_fn,
      **options,
    )
    beam = step_beam.step_beam(
      tabular.table(),
      tabular.keys(num),
      tabular.root(num, width * branch),
      tabular.step_fn,
      **options,
    )
    return early, beam

  early, beam = jax.device_get(run())
  pick = lambda output: np.take_along_axis(
    output.embedding["code"], output.chosen[:, None], axis=1
  )
  np.testing.assert_array_equal(pick(early), pick(beam))
  for field in ("policy_tokens", "verifier_tokens", "depth", "slots"):
    np.testing.assert_array_equal(
      getattr(early.cost, field), getattr(beam.cost, field)
    )


def test_one_row_is_plain_sampling_in_steps_of_two_tokens():
  num = 200

  @tabular.jit
  def run():
    plain = step_beam.step_beam(
      tabular.table(),
      tabular.keys(num),
      tabular.root(num, 1),
      both(tabular.step_fn),
      width=1,
      branch=1,
      max_steps=2,
    )
    early = reject(tabular.table(), tabular.step_fn, num, width=1, branch=1)
    return early, plain

  early, plain = jax.device_get(run())
  np.testing.assert_allclose(early.log_prob, plain.log_prob, rtol=1e-6)
  fields = ("embedding", "step_scores", "score", "log_weight")
  for field in (*fields, "cost", "ancestors", "done", "num_steps"):
    jax.tree.map(
      np.testing.assert_array_equal,
      getattr(early, field),
      getattr(plain, field),
    )


def test_rows_that_move_in_mid_step_write_on_with_other_keys():
  """Their new place has drawn under the step's key, maybe at that position."""
  num, width = 200, 2

  def finish(params, rng_keys, state, active=None):
    embedding, _ = state
    output, embedding = tabular.step_fn(params, rng_keys, embedding, active)
    seen = jax.random.key_data(rng_keys)
    shape = (*embedding["length"].shape, seen.shape[-1])
    return output, (embedding, jnp.broadcast_to(seen[:, None], shape))

  def begin(params, rng_keys, state, active=None):
    embedding, seen = state
    step_fn = beginning(tabular.step_fn)
    output, embedding = step_fn(params, rng_keys, embedding, active)
    return output, (embedding, seen)

  keys = tabular.keys(num)
  seen = jax.random.key_data(loop.step_keys(keys, 0))
  root = tabular.root(num, 2 * width)
  output = tabular.jit(
    lambda: early_rejection.early_rejection(
      tabular.table(),
      keys,
      (root, jnp.zeros((num, 2 * width, seen.shape[-1]), seen.dtype)),
      begin,
      finish,
      width=width,
      branch=2,
      max_steps=1,
    )
  )()
  stayed = (output.ancestors[:, 0] == jnp.array([0, 0, 1, 1])).all(axis=1)
  assert 10 < stayed.sum() < num - 10
  same = (output.embedding[1][:, 0] == seen).all(axis=1)
  np.testing.assert_array_equal(same, stayed)


def test_rows_must_be_width_times_branch():
  with pytest.raises(ValueError, match=r"4 rows.*6"):
    early_rejection.early_rejection(
      tabular.table(),
      tabular.keys(1),
      tabular.root(1, 4),
      tabular.step_fn,
      tabular.step_fn,
      width=2,
      branch=3,
      max_steps=4,
    )
