"""See `python run_xtreme_distil_export.py --help`."""

from xtremedistil_tf.cli.verbs import EXPORT

if __name__ == "__main__":
    EXPORT.main()
