"""See `python run_model_ft.py --help`."""

from xtremedistil_tf.cli.fine_tune_model import main

if __name__ == "__main__":
    main()
