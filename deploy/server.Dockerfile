# The local server for a student in its ONNX form, without TensorFlow. In the folder of the repository:
#   docker build -f deploy/server.Dockerfile -t xtreme-distil-serve .
#   python -c 'import secrets; print(secrets.token_urlsafe(32))' > key
#   docker run --read-only --cap-drop=ALL --security-opt=no-new-privileges -p 127.0.0.1:8501:8501 \
#     -v "$PWD/out:/model:ro" -v "$PWD/key:/run/secrets/key:ro" xtreme-distil-serve
# Further flags of `xtreme-distil serve` stand behind the name of the image.
FROM python:3.11-slim AS packages
COPY . /source
RUN pip install --no-cache-dir --no-compile --no-deps --target=/packages \
    -r /source/deploy/server-requirements.txt /source

FROM python:3.11-slim
COPY --from=packages /packages /packages
ENV PYTHONPATH=/packages PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin server
USER 10001
EXPOSE 8501
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["python", "-c", \
    "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8501/healthz', timeout=2)"]
ENTRYPOINT ["python", "-m", "xtremedistil_tf.cli.verbs", "serve", "--model_dir=/model", "--form=onnx", \
    "--host=0.0.0.0", "--api_key_file=/run/secrets/key"]
