"""See `python run_xtreme_distil_predict_onnx.py --help`."""

from xtremedistil_tf.cli.predict_onnx import main

if __name__ == "__main__":
    main()
