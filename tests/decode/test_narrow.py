"""Steps on a part of the slots are the steps on all of them."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax.decode import narrow, sampling, scoring, signals, state, step
from prm_jax.models import cache, paged
from prm_jax.search import particle
from tests.decode import runs
from tests.models import tiny

ROWS, STEPS = 3, 6
SLOTS = STEPS * runs.FORMAT.max_step_tokens
LAYOUTS = {"contiguous": cache.CONTIGUOUS, "paged": paged.Paged(4)}


@functools.cache
def searched(parts, layout):
  """(tokens, lengths, scores of the steps, overflow), and the sizes."""
  policy, own = runs.make()
  verifier, other = runs.make(1, value_head="token", use_lm_head=False)
  scorer = scoring.ModelScorer(verifier, chunk=3, layout=LAYOUTS[layout])
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(narrow, "PARTS", parts)
    patch.setattr(narrow, "LEAST", 4)
    patch.setattr(narrow, "SHORT", 1)
    step_fn = step.make_step_fn(
      policy, scorer, sampling.SamplerConfig(), runs.FORMAT
    )

    def search(params, keys, prompts, length):
      root = state.root(
        policy,
        params,
        prompts,
        length,
        num_rows=ROWS,
        max_tokens=SLOTS,
        scorer=scorer,
        layout=LAYOUTS[layout],
      )
      found = particle.particle_filter(
        params, keys, root, step_fn, state.take, max_steps=STEPS
      )
      kept = state.keep(found.embedding)
      return kept.tokens, kept.length, found.step_scores, kept.overflow

    found = jax.jit(search)(
      {"policy": own, "verifier": other},
      jax.random.split(jax.random.key(3), len(runs.LENGTHS)),
      jnp.asarray(runs.PROMPTS),
      jnp.asarray(runs.LENGTHS),
    )
    return jax.device_get(found), narrow.sizes(SLOTS)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_parts_change_nothing(layout):
  whole, _ = searched(1, "contiguous")
  found, sizes = searched(3, layout)
  assert len(sizes) == 3
  longest = whole[1].max()  # has gone through all
  assert longest + runs.FORMAT.max_step_tokens > sizes[1]
  for want, got in zip(whole[:2], found[:2], strict=True):
    np.testing.assert_array_equal(got, want)
  np.testing.assert_allclose(found[2], whole[2], atol=1e-6)
  assert not found[3].any()


def test_what_a_scorer_writes_behind_the_text_has_room(monkeypatch):
  """The entropy of an answer, behind a step that may fill its part."""
  policy, params = runs.make()
  scorer = signals.AnswerEntropy(policy, (3, 7, 4), answer=2)
  params = {"policy": params, "verifier": params}
  slots = 2 * runs.FORMAT.max_step_tokens
  monkeypatch.setattr(narrow, "LEAST", runs.FORMAT.max_step_tokens)
  monkeypatch.setattr(narrow, "SHORT", 1)
  root = functools.partial(
    state.root, policy, num_rows=4, max_tokens=slots, scorer=scorer
  )
  prompts, length = jnp.asarray(runs.PROMPTS), jnp.asarray(runs.LENGTHS)
  begun = tiny.jit(root)(params, prompts, length)
  keys = jax.random.split(jax.random.key(0), len(length))
  found = []
  for parts in (1, 2):
    monkeypatch.setattr(narrow, "PARTS", parts)
    step_fn = step.make_step_fn(
      policy, scorer, sampling.SamplerConfig(), runs.FORMAT
    )
    output, _ = tiny.jit(step_fn)(params, keys, begun)
    found.append(output)
  assert narrow.sizes(slots) == [slots // 2, slots]
  assert found[0].num_tokens.max() > slots // 2 - len(scorer.cue)
  np.testing.assert_allclose(found[1].score, found[0].score, atol=1e-6)


def test_rows_keep_what_they_have_beyond_the_text():
  config = runs.make()[0].config.transformer
  rows = [own.empty_rows(config, 1, 1, 24 + 5) for own in LAYOUTS.values()]
  flat, pages = (own.narrow(13) for own in rows)
  # 29 less 13, of slots that come in fours.
  assert flat.layers[0].key.shape[-1] == 20
  assert flat.layers[0].value.shape[-2] == 20
  assert pages.table.shape[2] * pages.page == 20


def test_sizes_are_halves_and_end_with_all(monkeypatch):
  monkeypatch.setattr(narrow, "PARTS", 3)
  monkeypatch.setattr(narrow, "LEAST", 64)
  assert narrow.sizes(44) == [44]
  assert narrow.sizes(130) == [65, 130]
  assert narrow.sizes(512) == [128, 256, 512]


def test_short_steps_take_all_slots():
  step_fn = lambda *args: args
  assert narrow.narrowed(step_fn, narrow.SHORT - 1) is step_fn
  assert narrow.narrowed(step_fn, narrow.SHORT) is not step_fn
