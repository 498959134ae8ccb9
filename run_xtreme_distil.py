"""See `python run_xtreme_distil.py --help`."""

from xtremedistil_tf.cli.verbs import DISTIL

if __name__ == "__main__":
    DISTIL.main()
