"""TFDS builders of the generated tasks; TensorFlow is never imported.

builder = game24.Game24(data_dir=folder, config=task_builder.TaskConfig(...))
source = task_builder.prepare(builder)["train"]
"""
