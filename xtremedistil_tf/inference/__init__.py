"""Answering with a distilled student; begin with `predictor.open_predictor`.

`runtimes` has the forms that run on this machine, `serving` clients of TensorFlow Serving, `server` the local server.
"""
