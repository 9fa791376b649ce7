"""Training objectives: pure functions of arrays, without model or config.

Each takes `(outputs, targets, weights)` and returns `(Mean, metrics)`. Only
`Mean.total` is differentiated; `Mean.count` divides at the very end, over the
global batch, so a loss does not depend on how the batch was split.
"""
