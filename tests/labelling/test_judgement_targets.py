"""What a verifier should say: rationales, calculations, verdicts."""

import functools

import pytest

from prm_jax import errors
from prm_jax.data import records
from prm_jax.labelling import judgement_targets
from prm_jax.text import steps as steps_lib
from prm_jax.text import tokenizer as tokenizer_lib

TOKENIZER = tokenizer_lib.number_tokenizer(10)
PROBLEMS = {"p": records.Problem("p", "chain", "5 : 3 + 4 + 1 :", "3")}
LABEL = records.StepLabels(
  *("p", (3, 0, 0), (4, 4, 4), "policy"),
  steps=("3 + 4 = 2", "2 + 1 = 4", "= 4"),
  first_error=1,
)


def make(label=LABEL, **options):
  config = judgement_targets.JudgementConfig(
    **{"right": "|", "wrong": "/"} | options
  )
  encode = functools.partial(steps_lib.encode_solution, TOKENIZER)
  found = judgement_targets.from_labels(
    encode, TOKENIZER.encode, PROBLEMS, [label], config
  )
  said = []
  for example in (found[i] for i in range(len(found))):
    there = example["weights"] > 0
    said.append(TOKENIZER.decode(example["targets"][there].tolist()))
  return said


def test_calculations_and_verdicts_up_to_the_first_error():
  """The calculator's result, not the step's: 2 + 1 is 3 modulo 5."""
  assert make(note="calculation") == ["3 + 4 = 2 ; |", "2 + 1 = 3 ; /"]


def test_rationales_of_the_record():
  notes = {"notes": ["4 ; ", None, None]}
  label = records.StepLabels(**vars(LABEL) | {"extra": notes})
  assert make(label) == ["4 ; |", "/"]


def test_a_rationale_must_not_hold_a_verdict():
  with pytest.raises(errors.UserError, match="holds a verdict's first token"):
    make(note="calculation", right="=")


def test_notes_that_disagree_in_length_are_told():
  label = records.StepLabels(**vars(LABEL) | {"extra": {"notes": ["4"]}})
  with pytest.raises(errors.UserError, match="1 for 3 steps"):
    make(label)
