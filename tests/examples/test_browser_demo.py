"""The page that tags text in the browser, built from a small tagger and opened in headless Chromium."""

from __future__ import annotations

import importlib.util
import json
import pathlib

import pytest
from chromium import CHROMIUM, answer_of_page

from xtremedistil_tf.export.hub import export_hub
from xtremedistil_tf.inference.predictor import StudentPredictor
from xtremedistil_tf.students.bilstm import BiLSTMShape
from xtremedistil_tf.students.model_directory import save_student
from xtremedistil_tf.students.registry import new_student
from xtremedistil_tf.tasks.tagging import TaggingTask
from xtremedistil_tf.tasks.tagging.answers import asked_text
from xtremedistil_tf.tokenization.own_vocabulary import train_tokenizer
from xtremedistil_tf.tokenization.raw_words import RawWords

RULE = RawWords("punctuation", endings=("'s",))
ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGES = ROOT / "tests" / "javascript" / "node_modules"
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian: chromium)"),
    pytest.mark.skipif(not PACKAGES.exists(), reason="needs: npm ci --ignore-scripts --prefix tests/javascript")]
TEXT = "the quick (brown) fox’s box, \U0001f98a of U.S. dogs jumps over it. " \
       "Pack my box (five!) now. jugs\n\npack my lazy box!\u200b\nliquor jugs\n" \
       "\u0645\u062d\u0645\u062f quick\u0301 jugs \u05d0\u05d1 fo\u0308x, \U0001f1e9\U0001f1ea box"
# Types into the field, counts what a page as narrow as a phone does not show, and tells what the page says.
PROBE = """
<!doctype html><meta charset="utf-8"><title>probe</title>
<iframe id="page" style="width: 390px; height: 844px; border: 0"></iframe>
<script type="module">
const { text } = await (await fetch("/asked.json")).json();
const frame = document.getElementById("page");
const post = (found) => fetch("/found", { method: "POST", body: JSON.stringify(found) });
const wait = async (ready) => {
  for (let tries = 0; tries < 1500 && !ready(); tries++) await new Promise((done) => setTimeout(done, 20));
  if (!ready()) await post({ error: `waited for ${ready}: ${frame.contentDocument?.body.innerText}` });
};
frame.src = "/site/index.html";
const body = () => frame.contentDocument?.body ?? document.createElement("body");
await wait(() => body().dataset.answered || body().dataset.failed);
const page = frame.contentDocument, field = page.getElementById("text");
if (body().dataset.failed) await post({ error: page.getElementById("status").textContent });
else {
  field.focus();
  field.value = "";
  page.execCommand("insertText", false, text);
  await wait(() => body().dataset.answered === text);
  const marks = [...page.querySelectorAll("#answer mark")].map(({ dataset }) =>
    [dataset.type, +dataset.start, +dataset.end, text.slice(+dataset.start, +dataset.end)]);
  const answer = page.getElementById("answer").cloneNode(true);
  answer.querySelectorAll("small").forEach((name) => name.remove());
  const style = frame.contentWindow.getComputedStyle(body());
  await post({ marks, answer: answer.textContent, scroll: page.documentElement.scrollWidth,
    focused: page.activeElement.id, colours: [style.backgroundColor, style.color],
    status: page.getElementById("status").textContent, outside: performance.getEntriesByType("resource").concat(
      frame.contentWindow.performance.getEntriesByType("resource")).map((one) => one.name).filter(
      (name) => !name.startsWith(location.origin) && !name.startsWith("data:") && !name.startsWith("blob:")) });
}
</script>
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """(student's predictor, folder of the page, its size)"""
    import tensorflow as tf
    import tf_keras

    words = ["the quick brown fox jumps over the lazy dog .", "pack my box with five dozen liquor jugs , please !"] * 9
    tokenizer = train_tokenizer(words, 200, "unigram", at_most=True)
    task = TaggingTask(["O", "B-LOC", "I-LOC", "B-PER", "I-PER"], raw_words=RULE.facts(), seq_len=24)
    tf_keras.utils.set_random_seed(3)
    student = new_student(BiLSTMShape(len(tokenizer), 8, 6, 10, task.num_outputs))
    for variable in student.variables:
        variable.assign(variable + tf.random.normal(variable.shape, stddev=0.5))
    folder = tmp_path_factory.mktemp("demo")
    save_student(folder / "out", student, tokenizer, task, {})
    export_hub(folder / "out" / "export" / "hub", student, tokenizer, task, "none")
    spec = importlib.util.spec_from_file_location("build_demo", ROOT / "examples" / "browser_demo" / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    size = module.build(folder / "out", PACKAGES, folder / "site")
    return StudentPredictor(student, tokenizer, task), folder / "site", size


@pytest.mark.parametrize("dark", [False, True])
def test_the_page_tags_what_is_typed(site, tmp_path, dark):
    predictor, folder, size = site
    (tmp_path / "probe.html").write_text(PROBE, "utf-8")
    (tmp_path / "asked.json").write_text(json.dumps({"text": TEXT}), "utf-8")
    found = answer_of_page("probe.html", {"site/": folder, "": tmp_path},
                           *(["--blink-settings=preferredColorScheme=0"] if dark else []))
    assert "error" not in found, found["error"]
    wanted, before = [], 0
    for line in TEXT.split("\n"):
        for one in predictor.answers([asked_text(line, RULE)])[0] if line else []:
            start, end = (len(TEXT[:before + place].encode("utf-16-le")) // 2 for place in (one.start, one.end))
            wanted.append([one.type, start, end, one.text])
        before += len(line) + 1
    assert found["marks"] == wanted and len(wanted) > 3
    assert found["answer"] == TEXT and found["outside"] == []
    assert found["scroll"] <= 390 and found["focused"] == "text"
    assert found["status"].startswith(f"{len(wanted)} entit")
    assert found["colours"][0] == ("rgb(22, 24, 28)" if dark else "rgb(255, 255, 255)")
    assert size < 10_000_000 and size == sum(path.stat().st_size for path in folder.iterdir())


def test_nothing_else_is_served_with_it(site):
    _, folder, _ = site
    assert sorted(path.name for path in folder.iterdir()) == sorted([
        "index.html", "style.css", "app.mjs", "tagger.mjs", "decoding.mjs", "sentences.mjs", "words.js",
        "words.json.gz", "model.json",
        "tokenizer.json.gz", "tokenizer_config.json", "model.onnx.gz", "ort.wasm.gz", "ort.wasm.min.mjs",
        "ort-wasm-simd-threaded.mjs", "tokenizers.min.mjs"])
