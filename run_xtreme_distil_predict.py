"""See `python run_xtreme_distil_predict.py --help`."""

from xtremedistil_tf.cli.predict import main

if __name__ == "__main__":
    main()
