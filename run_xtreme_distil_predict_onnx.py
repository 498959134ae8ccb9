"""See `python run_xtreme_distil_predict_onnx.py --help`."""

from xtremedistil_tf.cli.verbs import PREDICT_ONNX

if __name__ == "__main__":
    PREDICT_ONNX.main()
