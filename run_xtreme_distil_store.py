"""See `python run_xtreme_distil_store.py --help`."""

from xtremedistil_tf.cli.verbs import STORE

if __name__ == "__main__":
    STORE.main()
