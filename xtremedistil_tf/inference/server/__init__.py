"""A local server for a distilled student: TensorFlow Serving's REST API and a page to try it on; begin with `app`.

`app` has the routes, `guards` who may ask, `api` and `v2` what requests ask, `tensors` their JSON. `jobs` are the work
of requests, `scheduling` does it in shared batches. `model` is what is served, `loading` opens it, `reloading` replaces
it. `page` is the page, `metrics` what is counted. `local_server` is uvicorn with limits and an orderly end, `run` the
command.
"""
