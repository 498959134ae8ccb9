"""See `python run_xtreme_distil.py --help`."""

from xtremedistil_tf.cli.distil import main

if __name__ == "__main__":
    main()
