"""See `python run_model_ft.py --help`."""

from xtremedistil_tf.cli.verbs import FINE_TUNE_TEACHER

if __name__ == "__main__":
    FINE_TUNE_TEACHER.main()
