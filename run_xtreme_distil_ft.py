"""See `python run_xtreme_distil_ft.py --help`."""

from xtremedistil_tf.cli.verbs import FINE_TUNE

if __name__ == "__main__":
    FINE_TUNE.main()
