"""Writing a student as files that other programs run; begin with `saved_model`, or with the file of the form.

`onnx` (its graph in `onnx_graph`), `tflite` (token ids) and `tflite_raw_strings` (words in `tflite_words`), `words`
(the rule for words, beside files that take token ids), `serving` (the folder that TensorFlow Serving reads;
`serving_configs`: what it is started with). Nothing here answers text: that is `inference`.
"""
