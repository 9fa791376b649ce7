"""Records to tokens, from every kind of source."""

import numpy as np
import pytest

from prm_jax import errors
from prm_jax.data import record_files, records, sources
from prm_jax.data.builders import chain, task_builder
from prm_jax.text import tokenizer as tokenizer_lib

TOKENIZER = tokenizer_lib.number_tokenizer(20)
PROBLEM = records.Problem("p", "toy", "1 2 :", "3")
STEPS = ("1 + 2 = 3 | 3", "3 = 3 | 3")


def solution(**changes):
  return records.Solution(**{"problem_id": "p", "steps": STEPS, **changes})


def encode(*solutions, **options):
  return sources.encode(TOKENIZER, {"p": PROBLEM}, solutions, **options)


def test_steps_become_tokens_with_their_ends():
  tokens = encode(solution()).encoded[0]
  assert tokens.prompt_length == 3
  ends = tokens.tokens[tokens.step_end]
  assert ends.tolist() == [TOKENIZER.step_id, TOKENIZER.eos_id]


def test_written_tokens_are_taken_as_they_are():
  body = TOKENIZER.encode("1 + 2")
  step, eos, pad = TOKENIZER.step_id, TOKENIZER.eos_id, TOKENIZER.pad_id
  written = (*body, step, step, *body, eos, pad, pad)
  tokens = encode(solution(tokens=written)).encoded[0]
  assert tokens.tokens.tolist() == [*TOKENIZER.encode("1 2 :"), *written[:-2]]
  assert tokens.step_end.tolist() == [6, 11]


def test_unfinished_last_step_is_read_at_its_last_token():
  body = TOKENIZER.encode("1 + 2")
  tokens = encode(solution(tokens=(*body, TOKENIZER.step_id, *body)))
  assert tokens.encoded[0].step_end.tolist() == [6, 9]


@pytest.mark.parametrize(
  ("changes", "message"),
  [
    ({"steps": ()}, r"solutions\[1\].steps: the solution has none"),
    ({"problem_id": "q"}, r"solutions\[1\].problem_id: no problem 'q'"),
    ({"steps": ("1 ; 2",)}, r"solutions\[1\].steps\[0\]"),
    ({"steps": ("1 + x",)}, r"solutions\[1\].*'x'"),
  ],
)
def test_bad_solutions_are_named_or_counted(changes, message):
  rows = [solution(), solution(**changes), solution()]
  with pytest.raises(errors.UserError, match=message):
    encode(*rows)
  found = encode(*rows, skip_bad=True)
  assert len(found.encoded) == len(found.solutions) == 2
  assert len(found.bad) == 1


def test_outcomes_need_a_verdict():
  assert encode(solution(correct=True)).outcomes.tolist() == [True]
  with pytest.raises(errors.UserError, match=r"solutions\[0\].correct"):
    _ = encode(solution()).outcomes


def test_problems_and_solutions_from_files(tmp_path):
  problems, solutions = tmp_path / "p.jsonl", tmp_path / "s.array_record"
  record_files.write(problems, [PROBLEM])
  record_files.write(solutions, [solution(correct=False)])
  found = sources.from_files(problems, solutions)
  assert found.problems == {"p": PROBLEM}
  assert found.solutions == [solution(correct=False)]


def test_tfds_split_gives_what_the_task_demonstrates(tmp_path):
  config = task_builder.TaskConfig(
    task_config=chain.chain.Config(num_problems=30),
    num_demonstrations=3,
    splits=("train",),
  )
  builder = chain.Chain(data_dir=str(tmp_path), config=config)
  found = sources.from_tfds(task_builder.prepare(builder)["train"])
  wanted = {p.id: p for p in builder.task.problems("train")}
  assert found.problems == wanted
  assert len(found.solutions) == 3 * len(wanted)
  for row in found.solutions:
    verdict = builder.task.verify(wanted[row.problem_id], row.steps)
    assert row.correct == verdict.correct
  tokens = sources.encode(
    builder.task.tokenizer(), found.problems, found.solutions
  )
  lengths = np.array([len(t.step_end) for t in tokens.encoded])
  assert (lengths == builder.task.max_steps).all()
