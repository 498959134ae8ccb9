"""A local server for a distilled student: TensorFlow Serving's REST API and a page to try it on; begin with `app`.

`app` has the routes, `api` what each answers, `model` what is served, `tensors` the JSON of requests and answers,
`page` the page. `local_server` is uvicorn with limits and an orderly end, `run` the command.
"""
