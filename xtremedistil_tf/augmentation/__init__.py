"""More transfer text out of the transfer text; begin with `augmenter` (what one is) and `registry` (all of them).

`stream` yields every original and its variants, `quality` keeps those that the teacher is sure of. The other files
are augmenters, or what they share: `editing` exchanges words in any kind of example, `pretrained` loads their models.
"""
