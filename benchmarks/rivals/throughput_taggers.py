"""Taggers and classifiers of others in the shapes in which they are published, with random weights, for throughput_arm.py.

No weights can be downloaded here, and speed does not depend on them, but for the number of entities.
"""

from __future__ import annotations

import pathlib

LABELS = ("PER", "LOC", "ORG")
TAGS = ("O", *(f"{mark}-{label}" for label in LABELS for mark in "BI"))


def texts_beside(folder):
    """Some of the sentences, to count n-grams in."""
    return (pathlib.Path(folder).parent / "text.txt").read_text("utf-8").splitlines()[:2000]


def gliner(folder):
    """GLiNER small: DeBERTa-v3-small, markers of spans up to 12 words, three labels."""
    import tempfile

    import gliner as library
    import torch
    from tokenizers import Tokenizer
    from transformers import DebertaV2Config, DebertaV2Model, DebertaV2TokenizerFast

    torch.set_num_threads(1)
    torch.manual_seed(1)
    tokenizer = DebertaV2TokenizerFast(tokenizer_object=Tokenizer.from_file(f"{folder}/tokenizer.json"),
                                       unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]",
                                       mask_token="[MASK]")
    encoder = DebertaV2Config(
        vocab_size=len(tokenizer), hidden_size=768, num_hidden_layers=6, num_attention_heads=12, intermediate_size=3072,
        max_position_embeddings=512, relative_attention=True, position_buckets=256, norm_rel_ebd="layer_norm",
        share_att_key=True, pos_att_type=["p2c", "c2p"], max_relative_positions=-1, type_vocab_size=0)
    with tempfile.TemporaryDirectory() as name:  # it opens folders only
        tokenizer.save_pretrained(name)
        DebertaV2Model(encoder).save_pretrained(name)
        model = library.GLiNER.from_config(library.GLiNERConfig(
            model_name=name, hidden_size=512, max_width=12, max_len=384, span_mode="markerV0"))
    model.eval()
    labels = ["person", "location", "organization"]

    def answer(texts):
        return model.inference(list(texts), labels, threshold=0.9, batch_size=8)

    return answer, lambda text: answer([text])


def flair(folder):
    """ner-english-fast without its word vectors: two character language models of 1,024 units, BiLSTM of 256, CRF."""
    import torch
    from flair.data import Dictionary, Sentence
    from flair.embeddings import FlairEmbeddings, StackedEmbeddings
    from flair.models import LanguageModel, SequenceTagger

    torch.set_num_threads(1)
    torch.manual_seed(1)
    characters, tags = Dictionary(), Dictionary(add_unk=False)
    for number in range(32, 300):
        characters.add_item(chr(number))
    for label in LABELS:
        tags.add_item(label)
    embeddings = StackedEmbeddings([FlairEmbeddings(LanguageModel(characters, forward, 1024, 1), with_whitespace=True)
                                    for forward in (True, False)])
    tagger = SequenceTagger(embeddings, tags, "ner", hidden_size=256, rnn_layers=1, use_crf=True)
    tagger.eval()

    def answer(texts):
        sentences = [Sentence(text) for text in texts]
        tagger.predict(sentences, mini_batch_size=32)
        return [sentence.get_spans("ner") for sentence in sentences]

    return answer, lambda text: answer([text])


def stanza_shape(folder):
    """The layers of Stanza's NER for English, in plain PyTorch, words at white space: two character language models of
    1,024 units over the text, word vectors of 100, BiLSTM of 256 and a linear layer; no CRF."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(1)
    models = [torch.nn.LSTM(100, 1024, batch_first=True) for _ in range(2)]
    letters, words = torch.nn.Embedding(300, 100), torch.nn.Embedding(100_000, 100)
    tagger, head = torch.nn.LSTM(2148, 256, batch_first=True, bidirectional=True), torch.nn.Linear(512, len(TAGS))

    @torch.inference_mode()
    def tagged(text):
        tokens = text.split()
        ids = torch.tensor([[min(ord(one), 299) for one in " ".join(tokens)]])
        ends = torch.tensor([len(token) for token in tokens]).add(1).cumsum(0) - 2
        forward = models[0](letters(ids))[0][0, ends]
        backward = models[1](letters(ids.flip(1)))[0].flip(1)[0, ends + 1 - torch.tensor([len(t) for t in tokens])]
        of_words = words(torch.tensor([hash(token) % 100_000 for token in tokens]))
        return head(tagger(torch.cat([forward, backward, of_words], 1)[None])[0]).argmax(-1).tolist()

    return lambda texts: [tagged(text) for text in texts], tagged


def tfidf(folder):
    """TF-IDF of the character n-grams of each word and of its neighbours, and a linear classifier a word."""
    import numpy as np
    from scipy import sparse
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = texts_beside(folder)
    vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4), max_features=50_000, lowercase=False)
    vectors.fit([word for text in texts for word in text.split()])
    weights = np.random.default_rng(1).normal(size=(3 * len(vectors.vocabulary_), len(TAGS))).astype(np.float32)

    def answer(texts):
        rows = [text.split() for text in texts]
        found = vectors.transform([word for row in rows for word in row])
        empty = sparse.csr_matrix((1, found.shape[1]))
        around = sparse.hstack([sparse.vstack([empty, found[:-1]]), found, sparse.vstack([found[1:], empty])])
        best = (around @ weights).argmax(1).tolist()
        return [[TAGS[best.pop()] for _ in row] for row in rows]

    return answer, lambda text: answer([text])


def fasttext(folder):
    """fastText's classifier of whole texts, 100 dimensions, word bigrams: two classes by a toy rule."""
    import tempfile

    import fasttext as library

    texts = texts_beside(folder)
    file = pathlib.Path(tempfile.mkdtemp()) / "train.txt"
    file.write_text("\n".join(f"__label__{len(text) % 2} {text}" for text in texts), encoding="utf-8")
    model = library.train_supervised(str(file), dim=100, wordNgrams=2, thread=1, epoch=1, verbose=0)
    predict = model.f.predict  # the package's own `predict` does not run with NumPy 2
    return (lambda texts: [predict(f"{text}\n", 1, 0.0, "strict") for text in texts],
            lambda text: predict(f"{text}\n", 1, 0.0, "strict"))
