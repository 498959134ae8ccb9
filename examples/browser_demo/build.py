"""Makes a folder of static files that tag text in the browser, with no server behind them.

    python run_xtreme_distil_export.py --model_dir=out --formats=hub --quantize=int8
    npm ci --ignore-scripts --prefix examples/browser_demo
    python examples/browser_demo/build.py --model_dir=out --out=site
    python -m http.server --directory site

The folder holds the student (int8), its tokenizer, its rule for words, ONNX Runtime in WebAssembly and the page. Large
files are packed with gzip, so that any server of files will do.
"""

from __future__ import annotations

import argparse
import gzip
import json
import pathlib
import shutil
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
PAGE = ("index.html", "style.css", "app.mjs", "tagger.mjs", "decoding.mjs", "sentences.mjs")
#: File of a package -> name in the folder.
PACKAGES = {"onnxruntime-web/dist/ort.wasm.min.mjs": "ort.wasm.min.mjs",
            "onnxruntime-web/dist/ort-wasm-simd-threaded.mjs": "ort-wasm-simd-threaded.mjs",
            "@huggingface/tokenizers/dist/tokenizers.min.mjs": "tokenizers.min.mjs"}
WASM = "onnxruntime-web/dist/ort-wasm-simd-threaded.wasm"
MOST = 10_000_000


def build(model_dir: pathlib.Path, packages: pathlib.Path, out: pathlib.Path) -> int:
    """Writes the folder; returns its size in bytes.

    Args:
        model_dir: of a tagger, with `export/hub`.
        packages: the `node_modules` of npm.
        out: a folder to make, or to fill.
    """
    from xtremedistil_tf.checkpoints.tokenizers import load_tokenizer
    from xtremedistil_tf.export.tflite import write_side_files
    from xtremedistil_tf.export.words import write_words
    from xtremedistil_tf.students.metadata import read_metadata, saved_task
    from xtremedistil_tf.tokenization.portable import portable_spec
    from xtremedistil_tf.tokenization.texts import tokenizer_spec

    facts = read_metadata(model_dir)
    task, hub = saved_task(facts), model_dir / "export" / "hub"
    if task.raw_words is None:
        raise SystemExit(f"{model_dir}: expected a tagger, found a student for {task.kind}.")
    graphs = (hub / "onnx" / name for name in ("model_quantized.onnx", "model.onnx"))
    graph = next(filter(pathlib.Path.exists, graphs), None)
    if graph is None:
        raise SystemExit(f"{hub}: not there. Run the export command with --formats=hub first.")
    if not (packages / WASM).exists():
        raise SystemExit(f"{packages}: has no onnxruntime-web. Run: npm ci --ignore-scripts --prefix {HERE}")
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        beside = pathlib.Path(scratch)
        tokenizer = load_tokenizer(str(model_dir))
        write_side_files(beside, tokenizer, task, facts.get("max_length"))
        # The page parts words itself, by the exact rule; the hub's tokenizer does so nearly.
        (beside / "portable.json").write_text(json.dumps(portable_spec(tokenizer_spec(tokenizer))), "utf-8")
        write_words(beside, task)
        for name in ("model.json", "words.js"):
            shutil.copy(beside / name, out / name)
        pack(beside / "words.json", out / "words.json.gz")
        pack(beside / "portable.json", out / "tokenizer.json.gz")
    for name in PAGE:
        shutil.copy(HERE / name, out / name)
    for name, target in PACKAGES.items():
        shutil.copy(packages / name, out / target)
    shutil.copy(hub / "tokenizer_config.json", out / "tokenizer_config.json")
    pack(packages / WASM, out / "ort.wasm.gz")
    pack(graph, out / "model.onnx.gz")
    return sum(path.stat().st_size for path in out.iterdir())


def pack(source: pathlib.Path, target: pathlib.Path) -> None:
    """The same bytes for the same file."""
    target.write_bytes(gzip.compress(source.read_bytes(), 9, mtime=0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model_dir", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--packages", type=pathlib.Path, default=HERE / "node_modules")
    arguments = parser.parse_args()
    size = build(arguments.model_dir, arguments.packages, arguments.out)
    print(f"{arguments.out}: {size / 1e6:.1f} MB")
    if size > MOST:
        print("That is much for a page. Trim the vocabulary (--trim_vocabulary), or distil with a smaller one.")


if __name__ == "__main__":
    main()
