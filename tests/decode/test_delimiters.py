"""Steps and solutions that end at strings, not at tokens."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.decode import sampling, scoring, state, step
from prm_jax.text import delimiters
from tests.decode import runs
from tests.models import tiny

# What the tokens write; "\n\n" is a token, two of them, or inside of one.
BYTES = (
  b"", b"", b"\n\n", b"a", b"b", b"\n", b"a\n", b"\nb", b".\n\na", b"\n",
  b"x\n", b"\n",
)  # fmt: skip
END, STOPS = b"\n\n", (b"ba", b"\n\nb")


@pytest.fixture(scope="module")
def stages():
  policy, params = runs.make()
  step_format = step.StepFormat(
    delimiters.byte_strings([END], BYTES),
    runs.EOS,
    runs.MAX_STEP,
    stop=delimiters.byte_strings(STOPS, BYTES),
  )
  return runs.run(
    policy,
    {"policy": params},
    scoring.NoScorer(),
    slots=16,
    step_format=step_format,
  )


def written(tokens) -> bytes:
  return b"".join(BYTES[token] for token in tokens)


def test_steps_end_at_strings_and_begin_anew(stages):
  seen = {"whole": 0, "split": 0, "inside": 0, "limit": 0}
  for stage in stages:
    for b, n, tokens in runs.each_row(stage):
      if not len(tokens) or stage.after.done[b, n]:
        continue
      assert END not in written(tokens[:-1])
      hit = END in written(tokens)
      assert hit or len(tokens) == runs.MAX_STEP
      assert stage.output.cut[b, n] == (not hit)
      last = BYTES[tokens[-1]]
      seen["limit"] += not hit
      seen["whole"] += last == END
      seen["split"] += hit and END not in last
      seen["inside"] += END in last and last != END
  assert min(seen.values()) > 0, seen


def test_stop_strings_end_solutions_across_steps(stages):
  across = 0
  for stage in stages:
    for b, n, tokens in runs.each_row(stage):
      if not len(tokens):
        continue
      end = stage.after.length[b, n]
      text = stage.after.tokens[b, n, :end]
      assert not any(stop in written(text[:-1]) for stop in STOPS)
      stopped = any(stop in written(text) for stop in STOPS)
      full = end == stage.after.tokens.shape[-1]
      done = stopped or tokens[-1] == runs.EOS or full
      assert stage.after.done[b, n] == done
      assert not (stopped and stage.output.cut[b, n])
      own = any(stop in written(tokens) for stop in STOPS)
      across += stopped and not own
  assert across > 0


def test_a_step_in_two_parts_ends_where_a_whole_one_does():
  """Also where the delimiter begins in the first part."""
  model, policy = runs.make()
  params = {"policy": policy}
  steps = step.StepFactory(
    model,
    scoring.NoScorer(),
    sampling.SamplerConfig(),
    step.StepFormat(delimiters.byte_strings([END], BYTES), runs.EOS, 4),
  )

  @tiny.jit
  def run():
    root = state.root(
      model,
      params,
      jnp.asarray(np.repeat(runs.PROMPTS, 8, axis=0)),
      jnp.asarray(np.repeat(runs.LENGTHS, 8)),
      num_rows=runs.ROWS,
      max_tokens=8,
      scorer=steps.scorer,
    )
    keys = jax.random.split(jax.random.key(0), 16)
    _, whole = steps()(params, keys, root)
    first, begun = steps(max_step_tokens=2)(params, keys, root)
    finish = steps(max_step_tokens=2, resumes=True)
    second, both = finish(params, keys, begun, first.cut)
    return whole.rows, begun.rows, both.rows, second.cut

  whole, begun, both, cut = jax.device_get(run())
  np.testing.assert_array_equal(both.tokens, whole.tokens)
  np.testing.assert_array_equal(both.length, whole.length)
  open_ends = begun.length == 2
  np.testing.assert_array_equal(cut[open_ends], whole.step.cut[open_ends])
  across = 0
  for b, n in np.ndindex(begun.length.shape):
    text = written(both.tokens[b, n, : both.length[b, n]])
    own = written(both.tokens[b, n, 2 : both.length[b, n]])
    across += both.length[b, n] == 3 and END in text and END not in own
  assert across > 0
