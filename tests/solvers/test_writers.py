"""Writers and scorers of compiled programs against the programs themselves."""

import dataclasses
import functools

import jax.numpy as jnp
import numpy as np
import pytest

from prm_jax import errors
from prm_jax.build.methods import sampling
from prm_jax.data import records
from prm_jax.decode import score
from prm_jax.solvers import critic, debate, writers, writing
from prm_jax.tasks import game24
from tests.solvers import scripted, tiny_solver

STEP = "13 - 9 = 4 | 4 4 10"
SEEN = scripted.solution(tiny_solver.problems()[0], [STEP, "4 + 4 = 8 | 8 10"])


@functools.cache
def searching():
  return tiny_solver.solve_with(sampling.BestOfN(1), prompt_tokens=48)


def writer(**options) -> writers.Writer:
  return writers.Writer(
    searching(), tiny_solver.task(), tiny_solver.tokenizer(), **options
  )


@functools.cache
def scorer(slots=72):
  model, params = tiny_solver.make(1, value_head="token", use_lm_head=False)
  return writers.Scorer(
    model, params, tiny_solver.tokenizer(), slots=slots, batch_size=8
  )


def drafts() -> list[writing.Prompt]:
  return [writing.Prompt(problem) for problem in tiny_solver.problems()]


def test_a_draft_is_plain_sampling():
  plain = searching().solve(tiny_solver.problems())
  written = writer()(drafts())
  for i, one in enumerate(written):
    tokens = plain.tokens[i, 0, : plain.length[i, 0]].tolist()
    assert one.solution.tokens == tuple(tokens)
    assert one.spent == writing.Spent(len(tokens), 5)
    assert one.solution.problem_id == tiny_solver.problems()[i].id
  costs = [one.spent.policy_tokens for one in written]
  assert costs == plain.cost.policy_tokens.tolist()


def test_draws_and_series_differ_and_batches_do_not_matter():
  (first, *_) = drafts()
  prompts = [dataclasses.replace(first, draw=draw) for draw in range(3)]
  same = writer()(prompts)
  other = writer(series="b")(prompts)
  tokens = [one.solution.tokens for one in (*same, *other)]
  assert len(set(tokens)) == len(tokens)
  assert writer()(prompts[::-1]) == same[::-1]


def test_kept_steps_begin_the_solution():
  tokenizer = tiny_solver.tokenizer()
  kept = tokenizer.encode(f"{STEP} ;")
  problem = game24.make_problem((4, 9, 10, 13))
  (one,) = writer()([writing.Prompt(problem, kept=(STEP,), draw=3)])
  assert one.solution.steps[0] == STEP
  assert list(one.solution.tokens[: len(kept)]) == kept
  # What follows is sampled with problem and step as the prompt.
  asked = dataclasses.replace(
    problem, id=f"{problem.id}#3", prompt=f"4 9 10 13 : {STEP} ;"
  )
  plain = searching().solve([asked])
  rest = plain.tokens[0, 0, : plain.length[0, 0]].tolist()
  assert list(one.solution.tokens[len(kept) :]) == rest
  assert one.spent == writing.Spent(len(rest), 5 + len(kept))


def test_solutions_are_judged():
  """By a stand-in that ends as it is told."""
  steps = ["10 - 4 = 6 | 4 6", "4 * 6 = 24 | 24"]
  tokenizer = tiny_solver.tokenizer()
  tokens = [*tokenizer.encode(" ; ".join(steps)), tokenizer.eos_id]

  class Stand:
    def __init__(self, tokens):
      self.tokens = np.array([[tokens]], np.int32)
      self.length = np.array([[len(tokens)]])

    def solve(self, problems):
      return self

  problem = game24.make_problem((4, 9, 10, 13))
  for written, correct in ((tokens, True), (tokens[:-1], False)):
    stand = dataclasses.replace(writer(), searching=Stand(written))
    (one,) = stand([writing.Prompt(problem, kept=(STEP,))])
    assert one.solution.steps == (STEP, *steps)
    assert one.solution.correct is correct
    assert (one.solution.answer is None) is not correct


def test_texts_of_prompts():
  prompt = writing.Prompt(
    tiny_solver.problems()[0], ("k",), (SEEN,), ("n", "m"), 1
  )
  own = prompt.problem.prompt
  assert writers.forgetful(prompt) == f"{own} k ;"
  assert writers.in_context(prompt) == (
    f"{own} {STEP} ; 4 + 4 = 8 | 8 10 ; n ; m ; {own} k ;"
  )
  plain = writing.Prompt(prompt.problem)
  assert writers.in_context(plain) == writers.forgetful(plain) == own


def test_what_is_shown_is_read_and_counted():
  own = writer(text_fn=writers.in_context)
  problem = tiny_solver.problems()[0]
  (bare,) = own([writing.Prompt(problem)])
  (shown,) = own([writing.Prompt(problem, seen=(SEEN,))])
  encoded = len(tiny_solver.tokenizer().encode(f"{STEP} ; 4 + 4 = 8 | 8 10 ;"))
  assert shown.spent.prompt_tokens == 5 + encoded + 5
  assert shown.solution.tokens != bare.solution.tokens


def test_scores_are_those_of_the_model_at_step_ends():
  problem = tiny_solver.problems()[0]
  tokenizer = tiny_solver.tokenizer()
  text = f"{STEP} ; 4 + 4 = 8 | 8 10 ; 8 +"
  tokens = tuple(tokenizer.encode(text))
  one = records.Solution(problem.id, (STEP,), tokens=tokens)
  short = records.Solution(problem.id, (), tokens=())
  first, last = scorer()([problem] * 2, [one, short])
  model, params = tiny_solver.make(1, value_head="token", use_lm_head=False)
  whole = np.array([[*tokenizer.encode(problem.prompt), *tokens]], np.int32)
  length = jnp.array([whole.shape[1]])
  want = score.prefix_scores(model, params, jnp.asarray(whole), length)
  ends = [*np.flatnonzero(whole[0] == tokenizer.step_id), whole.shape[1] - 1]
  np.testing.assert_allclose(first.steps, np.asarray(want)[0, ends], rtol=1e-5)
  assert len(set(first.steps)) == 3
  assert first.last == first.steps[-1]
  assert first.spent == writing.Spent(verifier_tokens=whole.shape[1])
  assert (last.steps, last.last) == ((), 0.0)


def test_bad_solutions_are_told():
  problem = tiny_solver.problems()[0]
  with pytest.raises(errors.UserError, match="tokens: missing"):
    scorer()([problem], [scripted.solution(problem, [STEP])])
  long = records.Solution(problem.id, (), tokens=(5,) * 80)
  with pytest.raises(errors.UserError, match="85 tokens, the scorer has 72"):
    scorer()([problem], [long])


def test_models_refine():
  """Attempts go on as the policy does from the steps that are kept.

  The second step is doubted, and the first if it is the only one: this
  policy ends after a delimiter.
  """
  problems = tiny_solver.problems()
  steps = (STEP, "4 + 4 = 8 | 8 10")
  doubt = scripted.Scores(
    lambda problem, one: [1.0, 0.0] if len(one.steps) > 1 else [0.0]
  )
  found = critic.refine(
    problems,
    draft_fn=scripted.Script(
      lambda prompt: scripted.solution(prompt.problem, steps)
    ),
    refine_fn=writer(),
    critic_fn=critic.ScoreCritic(doubt),
    turns=2,
    prompt_fn=critic.keep_valid,
  )
  for problem, row in zip(problems, found.attempts, strict=True):
    kept = [(STEP,), (STEP,) if len(row[1].steps) > 1 else ()]
    want = [
      writing.Prompt(problem, kept=own, draw=draw)
      for draw, own in enumerate(kept, start=1)
    ]
    assert row[1:] == [one.solution for one in writer()(want)]


def test_models_debate():
  found = debate.debate(
    tiny_solver.problems(), agents=[writer()] * 2, num_rounds=1
  )
  drafted = [one.solution for one in writer()(drafts())]
  assert [said[0][0] for said in found.rounds] == drafted
  assert all(said[0][0] != said[0][1] for said in found.rounds)
