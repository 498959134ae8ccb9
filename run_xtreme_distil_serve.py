"""See `python run_xtreme_distil_serve.py --help`."""

from xtremedistil_tf.cli.serve import main

if __name__ == "__main__":
    main()
