"""Problems and solutions of `graph_arithmetic` and `chain` as English text.

For models that read English; the texts say exactly what the numbers say.
"""

from collections.abc import Mapping, Sequence

from prm_jax.tasks import base, chain, graph_arithmetic, graph_steps, graphs

_THINGS = (
  *("apples", "books", "candles", "drums", "eggs", "forks", "globes"),
  *("hats", "inkwells", "jars"),
)
_PLACES = (
  *("attic", "barn", "cellar", "den", "entrance", "field", "garden"),
  *("hall", "inn", "jetty"),
)
_OPERATIONS: Mapping[str, str] = {"+": "plus", "-": "minus", "*": "times"}


def question(problem: base.Problem) -> str:
  """The problem in words; ValueError for a task without any."""
  if problem.task == chain.NAME:
    terms = " + ".join(map(str, problem.meta["terms"]))
    return f"Compute {terms} modulo {problem.meta['modulus']}."
  graph = _graph(problem)
  lines = []
  for name, definition in graph.definitions.items():
    lines.append(f"{_name(graph, name)} is {_expression(graph, definition)}.")
  lines.append(f"All arithmetic is modulo {graph.modulus}.")
  lines.append(f"What is {_name(graph, graph.query)}?")
  return " ".join(line[0].upper() + line[1:] for line in lines)


def solution(problem: base.Problem, steps: Sequence[str]) -> list[str]:
  """The steps in words; one that has not the form of a step stays as it is."""
  if problem.task == chain.NAME:
    return [_chain_step(problem, step) for step in steps]
  graph = _graph(problem)
  return [_graph_step(graph, step) for step in steps]


def _graph(problem: base.Problem) -> graphs.Graph:
  if problem.task != graph_arithmetic.NAME:
    raise ValueError(f"no words for problems of {problem.task!r}")
  return graphs.of_problem(problem)


def _name(graph: graphs.Graph, name: int) -> str:
  place, thing = divmod(name - graph.modulus, len(_THINGS))
  # Names count up: the first ten are in ten different places.
  return (
    f"the number of {_THINGS[thing]} in the {_PLACES[(place + thing) % 10]}"
  )


def _expression(graph: graphs.Graph, definition: graphs.Definition) -> str:
  left, operator, right = definition
  operands = [
    _name(graph, operand) if operand in graph.definitions else str(operand)
    for operand in (left, right)
  ]
  if not operator:
    return operands[0]
  return f"{operands[0]} {_OPERATIONS[operator]} {operands[1]}"


def _graph_step(graph: graphs.Graph, text: str) -> str:
  step = graph_steps.parse_step(text)
  if step is None or (step.name is not None and step.name < graph.modulus):
    return text
  if step.name is None:
    return f"The answer is {step.result}."
  name = _name(graph, step.name)
  if not step.definition.operator:
    return f"{name[0].upper()}{name[1:]} is {step.result}."
  return (
    f"{name[0].upper()}{name[1:]} is {_expression(graph, step.definition)}, "
    f"which is {graphs.expression(step.values)} = {step.result}."
  )


def _chain_step(problem: base.Problem, text: str) -> str:
  if text.startswith("= "):
    return f"The answer is {text.removeprefix('= ')}."
  left, equals, right = text.partition(" = ")
  if not equals:
    return text
  return f"{left} = {right} modulo {problem.meta['modulus']}."
