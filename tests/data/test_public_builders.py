"""Builders of public data sets: records as read, and sources that change."""

import json
import pathlib
import subprocess
import sys

import pytest

from prm_jax import errors
from prm_jax.data import public
from prm_jax.data.builders import public_builder, public_sets
from prm_jax.data.formats import gsm8k, prm800k, registry, rows

FILES = {
  "gsm8k": "gsm8k.jsonl",
  "math": "math",
  "math500": "math500.jsonl",
  "prm800k": "prm800k.jsonl",
  "math_shepherd": "math_shepherd.jsonl",
  "math_aps": "math_aps_flat.jsonl",
  "trl": "trl.jsonl",
  "process_bench": "process_bench.jsonl",
  "reward_math": "reward_math.json",
  "reward_bench": "reward_bench.jsonl",
  "prm_bench": "prm_bench.jsonl",
}


@pytest.fixture
def testdata(project_root):
  return project_root / "tests" / "testdata"


def make(name, folder, path, **changes):
  config = public_builder.PublicConfig(files={"test": str(path)}, **changes)
  return public_sets.get(name)(data_dir=str(folder), config=config)


def test_there_is_a_file_and_a_builder_for_every_format():
  assert FILES.keys() == registry.FORMATS.keys() == public_sets.BUILDERS.keys()


@pytest.mark.parametrize("name", FILES)
def test_a_prepared_set_holds_the_records_of_the_file(name, tmp_path, testdata):
  builder = make(name, tmp_path, testdata / FILES[name])
  found = public_builder.prepare(builder)
  read = rows.read(builder.form, testdata / FILES[name])
  records = found.splits["test"]
  assert [records[i] for i in range(len(records))] == read.records
  assert found.told["test"].pop("summary") == [
    f"{count} x {why}" for why, count in sorted(read.told.items())
  ]
  assert found.told["test"] == {
    "num_rows": read.fingerprint.num_rows,
    "checksum": read.fingerprint.checksum,
    "published": None,
    "bad": 0,
    "told": read.told,
  }
  note = builder.form.note
  assert builder.info.citation == note.citation
  assert note.licence in str(builder.info.redistribution_info.license)


def test_the_schema_is_that_of_the_records(tmp_path, testdata):
  builder = make("process_bench", tmp_path, testdata / FILES["process_bench"])
  found = public_builder.prepare(builder)
  assert len(found.splits["test"]) == 3
  element = builder.as_data_source(split="test")[0]
  assert element["label"] == 1
  assert element["steps"][1] == b"6 more make 18 + 6 = 25."
  assert not element["final_answer_correct"]


def test_a_source_that_has_changed_is_noticed(tmp_path, testdata):
  path = tmp_path / "a.jsonl"
  lines = (testdata / "gsm8k.jsonl").read_text().splitlines()
  path.write_text("\n".join(lines))
  folder = tmp_path / "data"
  kept = public_builder.prepare(make("gsm8k", folder, path)).told
  # The same rows in another order and other spelling are the same source.
  spelt = [json.dumps(json.loads(line), indent=None) for line in lines]
  path.write_text("\n\n".join(reversed(spelt)) + "\n")
  assert public_builder.prepare(make("gsm8k", folder, path)).told == kept
  path.write_text("\n".join([*lines[:2], lines[2].replace("-3 + 1", "-3 + 2")]))
  with pytest.raises(errors.UserError, match=r"a.jsonl: 3 rows with checksum"):
    public_builder.prepare(make("gsm8k", folder, path))
  path.unlink()  # the data set is of use without its source
  assert public_builder.prepare(make("gsm8k", folder, path)).told == kept


def test_options_make_another_data_set(tmp_path, testdata):
  path = testdata / "gsm8k.jsonl"
  own = gsm8k.Config(calculator="remove")
  plain = make("gsm8k", tmp_path, path)
  other = make("gsm8k", tmp_path, path, options=own)
  assert plain.data_dir != other.data_dir
  (first, *_) = (public_builder.prepare(other).splits["test"][0],)
  assert "<<" not in "".join(first.solution.steps)


def test_bad_rows_and_no_files(tmp_path, testdata):
  path = tmp_path / "bad.jsonl"
  path.write_text((testdata / "gsm8k.jsonl").read_text() + '{"question": 1}\n')
  with pytest.raises(errors.UserError, match=r"bad.jsonl:4: question: must be"):
    public_builder.prepare(make("gsm8k", tmp_path, path))
  found = public_builder.prepare(make("gsm8k", tmp_path, path, skip_bad=True))
  assert len(found.splits["test"]) == 3
  assert found.told["test"]["bad"] == 1
  missing = make("gsm8k", tmp_path, tmp_path / "none.jsonl")
  with pytest.raises(errors.UserError, match=r"no such file .* get grade_sch"):
    public_builder.prepare(missing)
  with pytest.raises(errors.UserError, match=r"source.format: no format 'gs'"):
    public_sets.get("gs")


@pytest.mark.parametrize(("split", "count"), [("train", 7473), ("test", 1319)])
def test_published_gsm8k_is_known(split, count, shared_data):
  path = shared_data(f"gsm8k/{split}.jsonl")
  form = gsm8k.make()
  found = rows.fingerprint(path, form.note)
  assert found.num_rows == count
  assert rows.published(form, found) == split
  assert rows.published(form, found._replace(num_rows=count - 1)) is None


def test_prepared_published_math500(tmp_path, shared_data):
  builder = make("math500", tmp_path, shared_data("math500/test.jsonl"))
  found = public_builder.prepare(builder)
  assert len(found.splits["test"]) == 500
  assert found.told["test"]["published"] == "test"


def test_rows_and_array_records_are_one_source(tmp_path, testdata):
  path = str(testdata / "prm800k.jsonl")
  options = prm800k.Config(neutral="drop")
  made = [
    public.labelled(
      public.SourceConfig("prm800k", path, storage=storage), options, tmp_path
    )
    for storage in ("rows", "array_record")
  ]
  assert made[0] == made[1]
  assert len(made[0].labels) == 8


def test_what_a_data_set_does_not_have(tmp_path, testdata):
  solutions = public.SourceConfig("gsm8k", str(testdata / "gsm8k.jsonl"))
  with pytest.raises(errors.UserError, match=r"gsm8k has no labels of steps"):
    public.labelled(solutions, None, tmp_path)
  assert len(public.problems(solutions, None, tmp_path)) == 3
  labels = public.SourceConfig("trl", str(testdata / "trl.jsonl"))
  with pytest.raises(errors.UserError, match=r"trl has no judged solutions"):
    public.solved(labels, None, tmp_path)
  assert len(public.problems(labels, None, tmp_path)) == 4
  with pytest.raises(errors.UserError, match=r"source.path: .*math-shepherd"):
    public.SourceConfig("math_shepherd", "")


def test_tensorflow_is_never_imported(tmp_path, testdata, project_root):
  program = (
    "import sys\n"
    "from prm_jax.data.builders import public_builder, public_sets\n"
    "config = public_builder.PublicConfig(files={'test': sys.argv[1]})\n"
    "builder = public_sets.Trl(data_dir=sys.argv[2], config=config)\n"
    "assert len(public_builder.prepare(builder).splits['test']) == 4\n"
    "assert 'tensorflow' not in sys.modules\n"
  )
  subprocess.run(
    [sys.executable, "-c", program, testdata / "trl.jsonl", tmp_path],
    check=True,
    capture_output=True,
    cwd=project_root,
  )


def test_a_git_lfs_pointer_is_told(tmp_path):
  path = pathlib.Path(tmp_path / "phase2_train.jsonl")
  path.write_text("version of-the-pointer\noid sha256:0\nsize 1\n")
  with pytest.raises(errors.UserError, match=r"pointer of git LFS, not the"):
    rows.read(prm800k.make(), path)
