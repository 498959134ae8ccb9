"""Figures of the tables in "XtremeDistil: Multi-stage Distillation for Massive Multilingual Models" (ACL 2020).

Entity F1 on WikiANN in 41 languages, as (mean, standard deviation) over languages where the paper has both; teacher
mBERT. A dash in our pages is a cell that the paper leaves empty.
"""

from __future__ import annotations

SOURCE = "XtremeDistil (Mukherjee and Awadallah, ACL 2020)"

#: Sentences of the transfer sets.
TRANSFER_SIZES = ("0.7M", "1.4M", "7.2M")
#: Strategy -> F1 with each transfer set; labels alone need none.
STRATEGIES = {
    "D0S": ((81.44, 5.3),),
    "D1": ((82.74, 5.1), (84.52, 4.8), (85.94, 4.8)),
    "D2": ((82.38, 5.2), (83.78, 4.9), (85.87, 4.9)),
    "D3.1": ((83.10, 5.0), (84.38, 5.1), (86.35, 4.9)),
    "D3.2": ((86.77, 4.3), (87.79, 4.0), (88.26, 4.3)),
    "D4.1": ((84.82, 4.7), (87.07, 4.2), (87.87, 4.1)),
    "D4.2": ((87.10, 4.2), (88.64, 3.8), (88.52, 4.1)),
}
TEACHER, STUDENT = (91.86, 2.7), (88.64, 3.8)

#: Phase of D4.2 -> F1 after it.
UNFREEZING = {
    "2.1-logits-head": (0.0, 0.0), "2.2-logits-projection": (2.85, 3.9), "2.3-logits-bilstm": (81.64, 5.2),
    "2.4-logits-embedding": (85.99, 4.4), "3.1-labels-head": (86.38, 4.2), "3.2-labels-projection": (87.65, 3.9),
    "3.3-labels-bilstm": (88.08, 3.9), "3.4-labels-embedding": (88.64, 3.8),
}

#: Start of the word embeddings -> F1, with E=300, H=600 where the start allows it.
EMBEDDINGS = {
    "SVD of the fine-tuned teacher's": 88.64, "fine-tuned teacher's, not reduced": 88.60,
    "SVD of the pre-trained teacher's": 88.54, "PCA with post-processing, d=14": 88.35,
    "PCA with post-processing, d=17": 88.25, "GloVe": 88.16, "FastText": 87.91, "random": 87.43,
}

#: (E, H) -> F1, million parameters, compression, speed-up at batch 32 (GPU) and at batch 1 (CPU).
SIZES = {
    (300, 600): (88.64, 31.8, 5.6, 14, 8), (200, 600): (88.50, 22.5, 8.0, 15, 9), (300, 400): (88.21, 29.4, 6.1, 23, 11),
    (200, 400): (88.16, 20.2, 8.9, 25, 12), (100, 600): (87.93, 13.1, 13.7, 16, 9),
    (100, 400): (87.70, 11.1, 16.1, 24, 13), (50, 600): (87.67, 8.5, 21.1, 16, 10),
    (300, 200): (87.54, 27.7, 6.5, 40, 15), (200, 200): (87.47, 18.7, 9.6, 46, 16),
    (50, 400): (87.19, 6.5, 27.5, 27, 13), (100, 200): (86.89, 9.6, 18.6, 49, 15), (50, 200): (86.46, 5.1, 35.1, 51, 16),
    (300, 100): (86.19, 27.0, 6.6, 62, 16), (200, 100): (85.88, 18.1, 9.9, 68, 17),
    (100, 100): (85.64, 9.2, 19.5, 74, 15), (50, 100): (84.60, 4.7, 38.1, 77, 16),
}
#: Students on labels alone (D0-S) -> F1: BiLSTMs by (E, H), transformers by (layers, width).
BILSTM_ALONE = {(50, 200): 81.22, (50, 600): 81.78}
TRANSFORMER_ALONE = {(2, 96): 79.19, (3, 228): 83.75}

TEACHER_LAYERS = {11: 88.46, 9: 88.31, 7: 88.64, 6: 88.64, 4: 88.19, 2: 88.50, 1: 88.51}

#: 100 labels a language: transfer sentences -> F1 of the student; the teacher's.
FEW_LABELS = {"4.1K": 19.12, "705K": 76.97, "1.3M": 77.17, "7.2M": 77.26}
FEW_LABELS_TEACHER = 79.54

#: Language -> F1 of the student and of the joint teacher.
LANGUAGES = {
    "af": (87, 91), "hi": (84, 88), "sq": (91, 93), "bn": (91, 95), "lt": (87, 90), "lv": (90, 93), "mk": (92, 94),
    "tl": (94, 95), "bs": (91, 93), "et": (89, 91), "sl": (92, 94), "ta": (77, 84), "ar": (85, 89), "bg": (90, 93),
    "ca": (91, 93), "cs": (91, 93), "da": (91, 93), "de": (84, 89), "el": (86, 90), "en": (78, 84), "es": (90, 93),
    "fa": (90, 92), "fi": (89, 92), "fr": (87, 91), "he": (79, 85), "hr": (90, 93), "hu": (90, 93), "id": (92, 93),
    "it": (88, 92), "ms": (90, 93), "nl": (89, 92), "no": (91, 93), "pl": (88, 92), "pt": (89, 93), "ro": (93, 94),
    "ru": (85, 90), "sk": (92, 94), "sv": (94, 95), "tr": (90, 93), "uk": (88, 93), "vi": (89, 92),
}

#: Accuracy with 500 labels a class: student alone, distilled, BERT Large; SST-2 with all labels: the distilled
#: student of BERT Base on the dev set, and BERT Base.
CLASSIFICATION = {"AG News": (85.85, 90.45, 90.36), "SST-2": (None, 92.89, 92.78)}
