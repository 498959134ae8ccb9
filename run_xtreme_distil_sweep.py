"""See `python run_xtreme_distil_sweep.py --help`."""

from xtremedistil_tf.cli.sweep import main

if __name__ == "__main__":
    main()
