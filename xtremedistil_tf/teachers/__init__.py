"""Teachers: any pre-trained encoder, fine-tuned once; begin with `protocol`, what one is whatever runs it.

TensorFlow: `loading`, `model`, `fine_tuning`. torch: `torch_loading`, `torch_teacher`. ONNX: `onnx_teacher`.
`gliner`: a zero-shot tagger that answers in rows.
`fine_tuned` makes the teachers of a run or finds them; `acceleration` chooses faster ways to run one,
`accelerated_paths` has them.
"""
