"""A local server for a distilled student: TensorFlow Serving's REST API and a page to try it on."""
