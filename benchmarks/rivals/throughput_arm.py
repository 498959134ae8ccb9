"""One way from raw text to entities, timed in a process of its own: `throughput.py` starts it.

  python throughput_arm.py KIND FOLDER TEXT      prints JSON

KIND is package (our Python interface), bare (ONNX Runtime and `tokenizers`, written for the file), spacy (a blank
pipeline with spaCy's default NER, untrained), or a function of throughput_taggers.py. It imports nothing of the package
but for `package`.
"""

from __future__ import annotations

import json
import os
import pathlib
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

_ALONE, _BATCH = 300, 64
# Texts that slow ones are given.
_FEWER = {"gliner": 200, "flair": 300, "stanza_shape": 300}


def package(folder):
    import xtremedistil_tf as xd

    student = xd.load(folder, "onnx", "int8", threads=1)
    return student.predict, lambda text: student.predict(text)


def bare(folder):
    """What the runtime takes with the least of Python around it: words at white space, the best tag of each."""
    import numpy as np
    import onnxruntime
    from tokenizers import Tokenizer

    beside = pathlib.Path(folder) / "export" / "onnx"
    tokenizer = Tokenizer.from_file(str(beside / "tokenizer.json"))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(beside / "model_int8.onnx"), options)

    def answer(texts):
        encodings = tokenizer.encode_batch_fast([text.split() for text in texts], is_pretokenized=True)
        order, found = sorted(range(len(texts)), key=lambda n: len(encodings[n])), [None] * len(texts)
        for part in range(0, len(order), _BATCH):
            rows = [encodings[n] for n in order[part:part + _BATCH]]
            ids = np.zeros((len(rows), len(rows[-1])), np.int64)
            for row, encoding in enumerate(rows):
                ids[row, :len(encoding)] = encoding.ids
            lengths = np.array([len(encoding) for encoding in rows])
            mask = (np.arange(ids.shape[1]) < lengths[:, None]).astype(np.int64)
            best = session.run(None, {"input_ids": ids, "attention_mask": mask})[0].argmax(-1)
            for row, n in enumerate(order[part:part + _BATCH]):
                found[n] = best[row, :lengths[row]]
        return found

    return answer, lambda text: answer([text])


def spacy(folder):
    import spacy as library

    nlp = library.blank("en")
    recogniser = nlp.add_pipe("ner")
    for label in ("PER", "LOC", "ORG"):
        recogniser.add_label(label)
    nlp.initialize()
    return lambda texts: [doc.ents for doc in nlp.pipe(texts, batch_size=256)], lambda text: nlp(text).ents


def peak_mb():
    """Of this process alone; what getrusage says begins with the process that started it."""
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def main(kind, folder, file):
    texts = pathlib.Path(file).read_text(encoding="utf-8").splitlines()
    began = time.perf_counter()
    own = {"package": package, "bare": bare, "spacy": spacy}
    if kind not in own:
        import throughput_taggers
        own[kind] = getattr(throughput_taggers, kind)
        texts = texts[:_FEWER.get(kind)]
    words = sum(len(text.split()) for text in texts)
    answer, alone = own[kind](folder)
    alone(texts[0])
    started = time.perf_counter() - began
    before = time.process_time()
    answer(texts)  # once: a second time all words would be known
    seconds = time.process_time() - before
    single = []
    for number in range(_ALONE if kind not in _FEWER else _ALONE // 10):
        text = texts[number % len(texts)]
        before = time.process_time()
        alone(text)
        single.append(time.process_time() - before)
    print(json.dumps({
        "words_per_second": words / seconds, "started_s": started, "alone_ms": 1000 * sorted(single)[len(single) // 2],
        "peak_mb": peak_mb()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
