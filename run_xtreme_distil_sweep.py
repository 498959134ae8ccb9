"""See `python run_xtreme_distil_sweep.py --help`."""

from xtremedistil_tf.cli.verbs import SWEEP

if __name__ == "__main__":
    SWEEP.main()
