"""Readers of public data sets: one row of the true schema to records.

  found = rows.read(process_bench.FORMAT, "gsm8k.json")
  found.records, found.bad, found.told

A reader is a function from one row to records, with a note on licence, source
and columns. `registry` knows all of them by name; `data.builders.public`
wraps them for TFDS.
"""
