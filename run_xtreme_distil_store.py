"""See `python run_xtreme_distil_store.py --help`."""

from xtremedistil_tf.cli.store import main

if __name__ == "__main__":
    main()
