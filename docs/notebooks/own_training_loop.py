# %% [markdown]
# # Your own training loop
#
# Train a student with Keras's `compile` and `fit` on the transfer store of another run. The stages are models of
# Keras 2 (package `tf_keras`); optimizer, callbacks, unfreezing and saving are yours.
#
# Run [first_student.py](first_student.py) first: it writes the store.

# %%
import pathlib

import numpy as np
import tf_keras

import xtremedistil_tf as xd

RUN = "out/first_student"
OUT = "out/own_training_loop"
SIZES = dict(lstm_units=50, projection_size=64)
EPOCHS = 10
LEARNING_RATE = 4e-3

CHECKOUT = next(folder for folder in [pathlib.Path.cwd(), *pathlib.Path.cwd().parents]
                if (folder / "data" / "sample").exists())

# %% [markdown]
# ## The transfer store
#
# The store keeps what the teacher gave for each sentence of the transfer text. For tagging, `teacher_logits` has one
# row per subword, and `word_starts` is 1 at the first subword of each word: only these count in the loss.

# %%
folder = next(path.parent for path in pathlib.Path(RUN, "transfer").glob("*/manifest.json"))
store = xd.TransferStore(folder)
print(len(store), "sentences")
for name, values in store.read(0).items():
    print(name, values.dtype, values.shape)

# %% [markdown]
# ## A student
#
# The finished run has the tokenizer and the task. The new student is smaller and starts from the word embeddings of
# the finished one.

# %%
finished = xd.load_student(RUN)
table = finished.student.word_embeddings.numpy()
shape = xd.BiLSTMShape(vocab_size=len(table), embedding_size=table.shape[1], teacher_width=0,
                       num_outputs=len(finished.task.labels), **SIZES)
student = xd.new_student(shape)
student.set_word_embeddings(table)

# %% [markdown]
# ## Batches
#
# `transfer_dataset` is a `tf.data.Dataset` of padded batches. Every tenth sentence is held out.

# %%
columns = ["input_ids", "word_starts", "teacher_logits"]
numbers = np.arange(len(store))
training = xd.transfer_dataset(folder, finished.tokenizer, batch_size=64, columns=columns,
                               examples=numbers[numbers % 10 > 0])
held_out = xd.transfer_dataset(folder, finished.tokenizer, batch_size=64, columns=columns, examples=numbers[::10],
                               shuffle=False)
print({name: values.shape for name, values in next(iter(training)).items()})

# %% [markdown]
# ## Compile and fit
#
# `LogitStage` compares the student's logits with the teacher's. First everything above the embedding table trains,
# then the table too. As always in Keras, compile after you change what is trainable.

# %%
stage = xd.LogitStage(student, finished.task)
best = tf_keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True)
for unfrozen, rate in ((["head", "projection", "bilstm"], LEARNING_RATE),
                       (["head", "projection", "bilstm", "embedding"], LEARNING_RATE / 10)):
    student.unfreeze(unfrozen)
    stage.compile(optimizer=tf_keras.optimizers.Adam(rate, clipnorm=1.0))
    stage.fit(training, validation_data=held_out, epochs=EPOCHS, verbose=2, callbacks=[best])

# %% [markdown]
# ## Evaluate and save
#
# `save_student` writes a model directory. `load`, `export` and the commands accept it like that of a run.

# %%
xd.save_student(pathlib.Path(OUT), student, finished.tokenizer, finished.task, finished.config)
corpus = xd.load_task(CHECKOUT / "data/sample", finished.config["languages"].split(","))
predictions = xd.StudentPredictor(student, finished.tokenizer, finished.task).predict(corpus.test)
print(finished.task.scores(corpus.test, predictions)["f1"])
print(xd.load(OUT).predict("Ada Lovelace was born in London .").tags)
