"""See `python run_xtreme_distil_predict.py --help`."""

from xtremedistil_tf.cli.verbs import PREDICT

if __name__ == "__main__":
    PREDICT.main()
