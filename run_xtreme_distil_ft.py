"""See `python run_xtreme_distil_ft.py --help`."""

from xtremedistil_tf.cli.fine_tune_student import main

if __name__ == "__main__":
    main()
