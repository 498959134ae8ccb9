"""See `python run_xtreme_distil_serve.py --help`."""

from xtremedistil_tf.cli.verbs import SERVE

if __name__ == "__main__":
    SERVE.main()
