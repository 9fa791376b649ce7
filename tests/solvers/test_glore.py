"""Refinement with scripted models, and its law on chains."""

import itertools
import math

import numpy as np
import pytest

from prm_jax.solvers import glore, writing
from prm_jax.tasks import base, chain, game24
from tests.solvers import scripted

PROBLEM = game24.make_problem((4, 4, 10, 13))
DRAFT = ("4 + 4 = 8 | 8 10 13", "8 + 10 = 18 | 13 18", "18 - 13 = 5 | 5")


def script(name: str, correct=False) -> scripted.Script:
  """Keeps what it is told to and writes its name."""
  return scripted.Script(
    lambda prompt: scripted.solution(
      prompt.problem, [*prompt.kept, name], name, correct
    )
  )


def identity() -> scripted.Script:
  return scripted.Script(lambda prompt: prompt.seen[-1])


def drafts(correct=False) -> scripted.Script:
  return scripted.Script(
    lambda prompt: scripted.solution(prompt.problem, DRAFT, "5", correct)
  )


def scores(*values) -> scripted.Scores:
  return scripted.Scores(lambda problem, solution: values)


@pytest.mark.parametrize(
  ("step_scores", "want"),
  [
    ((0.9, 0.5, 0.7), None),
    ((0.9, 0.499, 0.1), 1),
    ((0.2, 0.9), 0),
    ((0.9, math.nan, 0.1), 1),
    ((), None),
  ],
)
def test_the_first_score_below_a_half_is_the_error(step_scores, want):
  assert glore.first_error(step_scores) == want


def test_the_threshold_moves():
  assert glore.first_error((0.9, 0.7), 0.8) == 1


def test_refiners_are_told_what_they_need():
  write_global, write_local = script("global"), script("local")
  found = glore.refine(
    [PROBLEM],
    draft_fn=drafts(),
    global_fn=write_global,
    local_fn=write_local,
    locate_fn=scores(0.9, 0.3, 0.1),
    rank_fn=scores(0.5),
  )
  draft = found.candidates[0][glore.DRAFT]
  assert found.first_errors == [1]
  assert write_global.seen == [
    writing.Prompt(PROBLEM, seen=(draft,), draw=glore.GLOBAL)
  ]
  assert write_local.seen == [
    writing.Prompt(PROBLEM, DRAFT[:1], (draft,), DRAFT[1:2], glore.LOCAL)
  ]
  written = [one.steps for one in found.candidates[0]]
  assert written == [DRAFT, ("global",), (DRAFT[0], "local")]
  assert found.chosen.tolist() == [glore.DRAFT]  # all are worth the same


def test_tokens_of_each_kind_are_counted():
  found = glore.refine(
    [PROBLEM],
    draft_fn=drafts(),
    global_fn=script("global"),
    local_fn=script("local"),
    locate_fn=scores(0.9, 0.3, 0.1),
    rank_fn=scores(0.5),
  )
  draft, words = scripted.num_words(DRAFT), len(PROBLEM.prompt.split())
  shown = 2 * words + draft + 3  # the draft after its prompt, 3 delimiters
  told = scripted.num_words(DRAFT[:1]) + scripted.num_words(DRAFT[1:2]) + 2
  assert found.spent == [
    writing.Spent(
      policy_tokens=draft + 2,
      prompt_tokens=words + shown + shown + told,
      verifier_tokens=3 + 3 + 1 + 2,  # located, then ranked
    )
  ]


@pytest.mark.parametrize(
  "correct", list(itertools.product([False, True], repeat=3))
)
def test_an_exact_orm_has_the_best_of_the_three(correct):
  found = glore.refine(
    [PROBLEM],
    draft_fn=drafts(correct[0]),
    global_fn=script("global", correct[1]),
    local_fn=script("local", correct[2]),
    locate_fn=scores(0.1),
    rank_fn=scripted.truth(),
  )
  assert found.candidates[0][found.chosen[0]].correct is max(correct)


def test_identity_changes_nothing():
  problems = [PROBLEM, game24.make_problem((1, 2, 3, 4))]
  write = scripted.Script(
    lambda prompt: scripted.solution(
      prompt.problem, DRAFT, "5", prompt.problem == PROBLEM
    )
  )
  found = glore.refine(
    problems,
    draft_fn=write,
    global_fn=identity(),
    local_fn=identity(),
    locate_fn=scores(0.1),
    rank_fn=scores(0.5),
  )
  chosen = [c[k] for c, k in zip(found.candidates, found.chosen, strict=True)]
  assert [one.correct for one in chosen] == [True, False]


def test_a_draft_without_error_is_its_own_local_refinement():
  write_local = script("local")
  found = glore.refine(
    [PROBLEM],
    draft_fn=drafts(),
    global_fn=script("global"),
    local_fn=write_local,
    locate_fn=scores(0.9, 0.9, 0.9),
    rank_fn=scores(0.5),
  )
  assert not write_local.seen
  assert found.first_errors == [None]
  assert found.candidates[0][glore.LOCAL] == found.candidates[0][glore.DRAFT]


def test_an_accepted_draft_is_left_alone():
  """The draft of the second problem is too bad."""
  other = game24.make_problem((1, 2, 3, 4))
  write_global, write_local = script("global"), script("local")
  found = glore.refine(
    [PROBLEM, other],
    draft_fn=drafts(),
    global_fn=write_global,
    local_fn=write_local,
    locate_fn=scores(0.1),
    rank_fn=scripted.Scores(
      lambda problem, one: (
        [0.7 if problem == PROBLEM else 0.2 + len(one.steps)]
        if len(one.steps) == 1
        else [0.7 if problem == PROBLEM else 0.2]
      )
    ),
    accept=0.7,
  )
  assert [p.problem for p in write_global.seen] == [other]
  assert [p.problem for p in write_local.seen] == [other]
  assert found.first_errors == [None, 0]
  assert found.chosen.tolist() == [glore.DRAFT, glore.GLOBAL]
  assert found.scores[0].tolist() == [0.7, -math.inf, -math.inf]
  words = scripted.num_words(DRAFT)
  assert found.spent[0] == writing.Spent(words, len(PROBLEM.prompt.split()), 3)


def test_law_of_one_local_refinement():
  """Exact locator and ORM: P = P(draft) + sum_t P(wrong at t) V_{t-1}(ok)."""
  config = chain.Config(
    3, 3, error_rate=0.3, recovery_rate=0.0, num_problems=20
  )
  task = chain.Chain(config)
  problems = [
    chain.make_problem(row, 3) for row in itertools.product(range(3), repeat=4)
  ] * 25
  # The same problem many times: its draws are kept apart by the draft's id.
  problems = [
    base.Problem(f"{p.id}/{i}", p.task, p.prompt, p.answer, p.meta)
    for i, p in enumerate(problems)
  ]
  write = scripted.chain_writer(task)
  found = glore.refine(
    problems,
    draft_fn=write,
    global_fn=identity(),
    local_fn=write,
    locate_fn=scripted.valid(task),
    rank_fn=scripted.truth(),
  )
  correct = [
    c[k].correct for c, k in zip(found.candidates, found.chosen, strict=True)
  ]
  e, value = config.error_rate, chain.state_values(config)[:, 1]
  want = value[0] + sum(
    (1 - e) ** t * e * (1 - 1 / 3) * value[t] for t in range(3)
  )
  error = math.sqrt(want * (1 - want) / len(problems))
  assert abs(np.mean(correct) - want) < 4.5 * error
  assert want - value[0] > 9 * error  # refinement is what is measured
