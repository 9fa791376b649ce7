"""Scores from files and from a verifier: as many as there are steps."""

import numpy as np
import pytest

from prm_jax import errors
from prm_jax.eval.benchmarks import base, sources
from prm_jax.tasks import base as tasks


def texts(*steps):
  problems = tuple(
    tasks.Problem(f"set/{i}", "set", f"p{i}", None) for i in range(len(steps))
  )
  return base.Texts(problems, tuple(map(tuple, steps)))


TEXTS = texts(["a", "b"], ["c"])


def test_what_is_written_is_read(tmp_path):
  path = tmp_path / "scores.jsonl"
  given = [np.array([0.1, 1 / 3]), np.array([0.7])]
  sources.write(path, TEXTS, given)
  found = sources.File(str(path))(TEXTS)
  for own, other in zip(found, given, strict=True):
    np.testing.assert_array_equal(own, other)


def test_lines_are_those_of_the_input(tmp_path):
  path = tmp_path / "scores.jsonl"
  sources.write(path, TEXTS, [np.array([0.1, 0.2]), np.array([0.7])])
  other = texts(["c"], ["a", "b"])
  with pytest.raises(errors.UserError, match="2 for 1 steps"):
    sources.File(str(path))(other)
  one, two = path.read_text().splitlines()
  path.write_text(f"{two}\n{one}\n")
  with pytest.raises(errors.UserError, match=r":1: problem_id: 'set/1'"):
    sources.File(str(path))(TEXTS)


def test_ids_of_public_rows_and_lines_without(tmp_path):
  path = tmp_path / "scores.jsonl"
  path.write_text(
    '{"problem_id": "0", "scores": [0.1, 0.2]}\n'
    '{"problem_id": "line 9", "scores": [1]}\n'
  )
  found = sources.File(str(path))(TEXTS)
  assert [own.tolist() for own in found] == [[0.1, 0.2], [1.0]]


@pytest.mark.parametrize(
  ("line", "told"),
  [
    ("{", "scores.jsonl:1: not JSON"),
    ("[]", "scores.jsonl:1: scores: missing"),
    ('{"score": 1}', "scores.jsonl:1: scores: missing"),
    ('{"scores": [true, 0.1]}', "must be a list of numbers"),
    ('{"scores": [0.1, "x"]}', "must be a list of numbers"),
    ("", "holds no scores"),
  ],
)
def test_bad_lines(tmp_path, line, told):
  path = tmp_path / "scores.jsonl"
  path.write_text(line + "\n")
  with pytest.raises(errors.UserError, match=told):
    sources.File(str(path))(TEXTS)
  with pytest.raises(errors.UserError, match="cannot be read"):
    sources.File(str(tmp_path / "none"))(TEXTS)


def test_a_verifier_is_asked_for_what_has_steps():
  asked = []

  def score(problems, given):
    asked.extend(p.id for p in problems)
    return [np.full(len(steps), 0.5, np.float32) for steps in given]

  source = sources.Verifier(score)
  found = source(texts(["a"], [], ["b", "c"]))
  assert asked == ["set/0", "set/2"]
  assert [len(own) for own in found] == [1, 0, 2]
  assert source.scored is not None
  source(texts(["z"]), "changed")
  assert len(source.scored[0].steps) == 3  # the input's alone are kept


@pytest.mark.parametrize(
  ("scores", "told"),
  [
    ([np.array([0.1])], "1 for 2 steps"),
    ([np.array([0.1, np.nan])], r"scores\[1\]: nan"),
    ([np.array([np.inf, 0.1])], r"scores\[0\]: inf"),
  ],
)
def test_mistake_12_a_verifier_that_gives_too_few(scores, told):
  with pytest.raises(errors.UserError, match=told):
    sources.Verifier(lambda problems, steps: scores)(texts(["a", "b"]))


def test_changed_texts_take_a_verifier(tmp_path):
  path = tmp_path / "scores.jsonl"
  sources.write(path, TEXTS, [np.array([0.1, 0.2]), np.array([0.7])])
  with pytest.raises(errors.UserError, match="needs --model"):
    sources.File(str(path))(TEXTS, "changed")
  with pytest.raises(errors.UserError, match="needs --scores FILE or --model"):
    base.Absent()(TEXTS)
