"""Student models, and their directories on disk; begin with `registry`.

`bilstm`, `cnn` and `transformer` are the kinds, `projected` is what the first two share, `encoders` builds the third
from transformers' classes. A student declares its layer groups from top to bottom; the schedule unfreezes those.
`model_directory` writes and reads students, `metadata` reads what one is without building it, `original_directory`
those of the original XtremeDistilTransformers.
"""
