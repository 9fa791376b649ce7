"""The beam family once more, in plain Python on prefixes as tuples.

Traces take `uniforms` [T, N]: the draw of row n for its t-th token.
"""

import functools
import itertools
import math

import numpy as np

from tests.search import reference, tabular


def rolled(row, depth):
  """`row` and up to `depth` more tokens, each the most likely one."""
  for _ in range(depth):
    if tabular.done(row):
      break
    row = (*row, int(np.argmax(tabular.policy(row))))
  return row


def beam_trace(uniforms, width, branch, depth=0, dedup=False):
  """Final rows of a step beam with lookahead; tokens written and rolled."""
  rows = [()] * (width * branch)
  idle = [False] * len(rows)
  written = thrown = 0
  score = lambda row: tabular.prm(rolled(row, depth))
  for step, drawn in enumerate(uniforms):
    before = rows
    rows = [
      reference.extend(row, u) for row, u in zip(rows, drawn, strict=True)
    ]
    fresh = [new for old, new in zip(before, rows, strict=True) if old != new]
    written += len(fresh)
    thrown += sum(len(rolled(row, depth)) - len(row) for row in fresh)
    if step == len(uniforms) - 1 or all(map(tabular.done, rows)):
      break
    seen = set()
    again = [False] * len(rows)
    for n, row in enumerate(rows):
      if not idle[n]:
        again[n] = dedup and row in seen
        seen.add(row)
    order = sorted(
      range(len(rows)), key=lambda n: (idle[n], again[n], -score(rows[n]))
    )
    rows = [rows[n] for n in order[:width] for _ in range(branch)]
    idle = [tabular.done(row) and n % branch > 0 for n, row in enumerate(rows)]
  return rows, written, thrown


def sbs_trace(uniforms, width, branch):
  """The answers of SBS, by the paper's listing: the beam shrinks."""
  answers, beam = [], [()] * width  # answers stand before the beam
  for step, drawn in enumerate(uniforms):
    candidates = []
    for place, row in enumerate(beam):
      if not tabular.done(row):
        start = place * branch
        own = drawn[start : start + branch]
        candidates += [reference.extend(row, u) for u in own]
    room = width - len(answers)
    if step == len(uniforms) - 1:
      room = len(candidates)
    top = sorted(candidates, key=lambda row: -tabular.prm(row))[:room]
    old = sorted(answers, key=lambda row: -tabular.prm(row))
    answers = old + [row for row in top if tabular.done(row)]
    beam = old + top
    if len(answers) >= width:
      break
  return answers


def dvts_trace(uniforms, num_groups, branch):
  """Final rows group by group, and which of them are solutions."""
  rows, counted = [], []
  for group in range(num_groups):
    own = uniforms[:, group * branch : (group + 1) * branch]
    texts = [()] * branch
    for step, drawn in enumerate(own):
      texts = [
        reference.extend(row, u) for row, u in zip(texts, drawn, strict=True)
      ]
      best = max(texts, key=tabular.prm)  # the first of equals
      if step == len(own) - 1 or tabular.done(best):
        break
      texts = [best] * branch
    if tabular.done(best):
      counted += map(tabular.done, texts)
      texts = [row if tabular.done(row) else best for row in texts]
    rows += texts
  return rows, counted


def allocate(scores, width, temperature):
  """Continuations of each prefix, by the paper's recursion in float64."""
  e = np.exp(np.asarray(scores, np.float64) / temperature)
  total, counts = e.sum(), [0] * len(scores)
  for n in sorted(range(len(scores)), key=lambda n: -scores[n]):
    if width == 0:
      break
    counts[n] = min(math.ceil(width * e[n] / total - 1e-9), width)
    width -= counts[n]
    total -= e[n]
  return counts


def rebase_trace(uniforms, temperature):
  rows = [()] * uniforms.shape[1]
  for step, drawn in enumerate(uniforms):
    rows = [
      reference.extend(row, u) for row, u in zip(rows, drawn, strict=True)
    ]
    if step == len(uniforms) - 1 or all(map(tabular.done, rows)):
      break
    going = [n for n, row in enumerate(rows) if not tabular.done(row)]
    scores = [tabular.prm(rows[n]) for n in going]
    shares = [1] * len(rows)
    shared = allocate(scores, len(going), temperature)
    for n, share in zip(going, shared, strict=True):
      shares[n] = share
    rows = [row for row, k in zip(rows, shares, strict=True) for _ in range(k)]
  return rows


def early_rejection_trace(uniforms, width, branch, steps, rank):
  """Steps of two tokens, of which the first one decides.

  Returns:
    The rows with their scores, tokens written, sequential iterations.
  """
  rows = [((), 0.0)] * (width * branch)
  idle = [False] * len(rows)
  written = depth = 0

  def write(rows, drawn, judged):
    """Appends a token to each row; its score where `judged`."""
    new = []
    for (row, score), u in zip(rows, drawn, strict=True):
      longer = reference.extend(row, u)
      fresh = judged and longer != row
      new.append((longer, tabular.prm(longer) if fresh else score))
    count = sum(a[0] != b[0] for a, b in zip(rows, new, strict=True))
    return new, count

  for step in range(steps):
    begun, first = write(rows, uniforms[2 * step], True)
    order = sorted(range(len(rows)), key=lambda n: (idle[n], -begun[n][1]))
    kept = [begun[n] for n in order[:width]]
    drawn = uniforms[2 * step + 1][:width]
    whole, second = write(kept, drawn, rank == "whole")
    written += first + second
    depth += 1 + (second > 0)
    rows = [row for row in whole for _ in range(branch)]
    ended = [tabular.done(row) for row, _ in rows]
    idle = [done and n % branch > 0 for n, done in enumerate(ended)]
    if all(ended):
      break
  return rows[::branch], written, depth


@functools.cache
def soft_value(prefix, alpha):
  """alpha log E[exp(prm of the solution / alpha) | prefix]."""
  if tabular.done(prefix):
    return tabular.prm(prefix)
  children = [soft_value((*prefix, token), alpha) for token in range(3)]
  p = tabular.policy(prefix)
  return float(alpha * np.log(p @ np.exp(np.array(children) / alpha)))


def svdd_law(branch, alpha, value=soft_value):
  """Exact law of an SVDD sample over `tabular.solutions()`."""

  @functools.cache
  def picks(prefix):
    p = tabular.policy(prefix)
    v = np.array([value((*prefix, token), alpha) for token in range(3)])
    w = np.exp((v - v.max()) / alpha)
    law = np.zeros(3)
    for a, b in itertools.product(range(branch + 1), repeat=2):
      if a + b <= branch:
        counts = np.array([a, b, branch - a - b])
        ways = math.comb(branch, a) * math.comb(branch - a, b)
        law += ways * np.prod(p**counts) * counts * w / (counts @ w)
    return law

  def prob(tokens):
    steps = range(len(tokens))
    return math.prod(picks(tokens[:n])[tokens[n]] for n in steps)

  return np.array([prob(s.tokens) for s in tabular.solutions()])


def svdd_trace(uniforms, draws, branch, alpha, shared=None):
  """Samples of SVDD; `draws` [T, G] pick, `shared` [T, G] resample."""
  num_groups = uniforms.shape[1] // branch
  samples = [()] * num_groups
  weight = lambda row: np.exp(tabular.prm(row) / alpha)
  for step, drawn in enumerate(uniforms):
    drawn = drawn.reshape(num_groups, branch)
    old = samples
    samples, open_texts = [], 0
    for row, own, draw in zip(old, drawn, draws[step], strict=True):
      texts = [reference.extend(row, u) for u in own]
      open_texts += sum(not tabular.done(text) for text in texts)
      cumulative = np.cumsum([weight(text) for text in texts])
      place = np.searchsorted(cumulative, draw * cumulative[-1], side="right")
      samples.append(texts[place])
    if step == len(uniforms) - 1 or not open_texts:
      break
    if shared is not None:
      w = np.array([weight(row) for row in samples])
      parents = reference.resample("multinomial", w / w.sum(), shared[step])
      samples = [samples[n] for n in parents]
  return samples
