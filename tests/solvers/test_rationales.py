"""How a rationale comes to its verdict, by a writer that follows a script."""

import dataclasses

import pytest

from prm_jax import errors
from prm_jax.solvers import continuing, rationales
from prm_jax.text import critiques
from tests.solvers import critic_folder

STYLE = critic_folder.STYLE
ASKED = [continuing.Text("a", [7, 8, 9]), continuing.Text("b", [5])]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
  path = tmp_path_factory.mktemp("critic")
  critic_folder.write(path)
  return critic_folder.tokenizer(path)


class Script:
  """Texts that are written, by the strings that end them."""

  def __init__(self, tokenizer, answers):
    self.tokenizer, self.answers, self.asked = tokenizer, answers, []

  def __call__(self, *, stops, num_rows):
    def write(texts):
      self.asked.append((tuple(stops), texts))
      return [self._rows(stops, text, num_rows) for text in texts]

    return write

  def _rows(self, stops, text, num_rows):
    kind = "analysis" if stops == [STYLE.analysis_end] else "program"
    found = [self.answers[kind](text.name, row) for row in range(num_rows)]
    return [
      continuing.Written(tuple(self.tokenizer.encode(said)), end)
      for said, end in found
    ]


def drafts(tokenizer, answers, *, tool_fn=None, context=0, **options):
  script = Script(tokenizer, answers)
  author = rationales.Author(
    STYLE, tokenizer, script, rationales.Config(**options), context, tool_fn
  )
  found = author.drafts(ASKED, 1)
  said = [[tokenizer.decode(one.said) for one in own] for own in found]
  return script, found, said


def well(name, row):
  return f"{name}{row} is fine", "stop"


def long(name, row):
  return (f"{name}{row}", "limit") if row else well(name, row)


def test_the_verdict_is_asked_for_after_the_analysis(tokenizer):
  _, found, said = drafts(tokenizer, {"analysis": well}, votes=2)
  assert said == [
    ["<2>a0 is fine|{", "<2>a1 is fine|{"],
    ["<2>b0 is fine|{", "<2>b1 is fine|{"],
  ]
  assert all(draft.is_ready for own in found for draft in own)
  assert found[0][0].whole[:3] == [7, 8, 9]
  assert len({draft.name for own in found for draft in own}) == 4


def test_at_the_limit_there_is_no_vote_or_it_is_asked_for(tokenizer):
  answers = {"analysis": long}
  _, found, said = drafts(tokenizer, answers, votes=2, at_limit="unknown")
  assert [[d.is_ready for d in own] for own in found] == [[True, False]] * 2
  assert said[0] == ["<2>a0 is fine|{", "<2>a1"]
  _, found, said = drafts(tokenizer, answers, votes=2)
  assert [[d.is_ready for d in own] for own in found] == [[True, True]] * 2
  assert said[0] == ["<2>a0 is fine|{", "<2>a1e|{"]


def test_directly_nothing_is_written(tokenizer):
  script, found, said = drafts(tokenizer, {}, mode="direct")
  assert said == [["|{"], ["|{"]]
  assert found[0][0].is_ready
  assert script.asked == []


def test_a_program_that_none_answers(tokenizer):
  """The model goes on by itself, to a verdict or not."""

  def program(name, row):
    return ("x = 1$ so |{", "stop") if name.startswith("a") else ("x", "eos")

  answers = {"analysis": well, "program": program}
  for at_limit in ("judge", "unknown"):
    script, found, said = drafts(
      tokenizer, answers, code="unanswered", at_limit=at_limit
    )
    (stops, texts) = script.asked[-1]
    assert stops == (STYLE.verdict_end,)
    assert tokenizer.decode(texts[0].tokens[3:]).endswith("fine```python\n")
    assert said[0] == ["<2>a0 is fine```python\nx = 1$ so |{"]
    judged = at_limit == "judge"
    assert [own[0].is_ready for own in found] == [True, judged]
    assert said[1][0] == (
      "<2>b0 is fine|{" if judged else "<2>b0 is fine```python\nx"
    )
    assert len(script.asked) == 2


def test_a_callable_answers_programs(tokenizer):
  """Once for the first, and every time for the second, which never judges."""
  programs = []

  def tool(text):
    programs.append(text)
    return f"out {len(programs)}"

  def program(name, row):
    if name.startswith("a") and name.endswith("#1"):
      return "so |{", "stop"
    again = "" if name.endswith("#0#0") else "```python\n"
    return f"{again}{name}$", "stop"

  answers = {"analysis": well, "program": program}
  script, found, said = drafts(
    tokenizer, answers, code="tool", tool_fn=tool, rounds=3
  )
  assert script.asked[1][0] == (STYLE.verdict_end, STYLE.code_end)
  assert programs == ["a#0#0", "b#0#0", "b#0#1", "b#0#2"]
  assert said[0] == ["<2>a0 is fine```python\na#0#0$[out 1]so |{"]
  assert said[1] == ["<2>b0 is fine|{"]  # asked for, without the programs
  assert [own[0].is_ready for own in found] == [True, True]


def test_mistake_22_a_program_goes_to_the_callers_callable_alone(
  tokenizer, tmp_path
):
  """And to nothing where there is none."""
  mark = tmp_path / "ran"
  source = f"open({str(mark)!r}, 'w')"

  def program(name, row):
    return f"{source}$", "stop"

  answers = {"analysis": well, "program": program}
  seen = []
  drafts(
    tokenizer,
    answers,
    code="tool",
    rounds=1,
    tool_fn=lambda text: seen.append(text) or "",
  )
  assert seen == [source] * 2
  drafts(tokenizer, answers, code="unanswered")
  assert not mark.exists()


def test_no_room_is_no_vote(tokenizer):
  """The first has none for an analysis, the second none for the verdict."""
  _, found, said = drafts(
    tokenizer, {"analysis": well}, votes=2, context=12, max_tokens=6
  )
  assert [[d.is_ready for d in own] for own in found] == [[False] * 2] * 2
  assert said[0] == ["<2>"] * 2
  assert said[1][1] == "<2>b1 is fine|{"
  _, found, _ = drafts(tokenizer, {}, mode="direct", context=4)
  assert [own[0].is_ready for own in found] == [False, True]


def test_the_last_program_is_found():
  text = (
    "<verify>\nLet's use python code to find any potential error:\n```python\n"
    "x = 1\nprint(x)\n```\n[Code Output]\n\n```\n1\n```\nAgain:\n```python\n"
    "y = 2\n```\n"
  )
  assert critiques.program(critiques.GENPRM, text) == "y = 2"
  first = text[: text.index("[Code")]
  assert critiques.program(critiques.GENPRM, first) == "x = 1\nprint(x)"


@pytest.mark.parametrize(
  ("options", "part"),
  [({"votes": 0}, "generative.votes"), ({"rounds": 0}, "generative.rounds"),
   ({"mode": "direct", "votes": 2}, "'direct' writes nothing"),
   ({"mode": "direct", "code": "tool"}, "'direct' writes nothing")],
)  # fmt: skip
def test_bad_config(options, part):
  with pytest.raises(errors.UserError, match=part):
    rationales.Config(**options)
  assert dataclasses.replace(rationales.Config(), votes=2).sampler.top_k == 20
