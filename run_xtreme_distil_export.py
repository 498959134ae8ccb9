"""See `python run_xtreme_distil_export.py --help`."""

from xtremedistil_tf.cli.export import main

if __name__ == "__main__":
    main()
