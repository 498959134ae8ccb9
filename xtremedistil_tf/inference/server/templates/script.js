"use strict";
// Asks the server and shows the answer, always as text, never as HTML.
const byId = id => document.getElementById(id);
const model = JSON.parse(byId("model").textContent);
const PARAMETERS = {texts: "text", questions: "text", pairs: "pair", contexts: "context"};
const HUES = [215, 140, 28, 285, 350, 180, 55, 320, 95, 250];
const boxes = {};

function make(tag, name, ...children) {
  const node = document.createElement(tag);
  if (name) node.className = name;
  node.append(...children);
  return node;
}

function titleOf(input) {
  if (input === "texts") return model.inputs.includes("pairs") ? "First text" : "Text";
  return {pairs: "Second text", questions: "Question", contexts: "Context"}[input] ?? input;
}

function addBox(input) {
  const box = make("textarea", input === "questions" ? "" : "long");
  box.rows = input === "questions" ? 2 : 4;
  box.dir = "auto";
  box.spellcheck = false;
  const title = make("label", "", titleOf(input));
  if (model.optional.includes(input)) title.append(" ", make("small", "", "(may be left empty)"));
  title.append(box);
  byId("fields").append(title);
  boxes[input] = box;
}

const percent = share => `${(100 * share).toFixed(share > 0.9995 || share < 0.0995 ? 1 : 0)} %`;
const decimals = number => Number(number).toPrecision(4);

// The types as the labels order them, so that a type keeps its colour from text to text.
const inside = model.labels.filter(label => label !== "O");
const types = [...new Set(inside.map(label => label.replace(/^[BI]-/, "")))];
function hueOf(type) {
  if (!types.includes(type)) types.push(type);
  return HUES[types.indexOf(type) % HUES.length];
}

function marked(text, type, score) {
  const mark = make("mark", "", text);
  mark.style.setProperty("--hue", hueOf(type));
  if (type) mark.append(make("small", "", type, make("span", "", ` ${percent(score)}`)));
  return mark;
}

SHOW_OF_THE_KIND
function showWrong(message) {
  byId("answer").replaceChildren(make("p", "card wrong", message.charAt(0).toUpperCase() + message.slice(1)));
}

async function answerOf(body) {
  let response;
  try {
    response = await fetch(model.path, {method: "POST", body, headers: {"Content-Type": "application/json"}});
  } catch {
    throw new Error("The server does not answer.");
  }
  const found = await response.json();
  if (!response.ok) throw new Error(found.error ?? `The server answered with status ${response.status}.`);
  return found;
}

let asking = 0;
async function ask() {
  const number = ++asking, asked = {};
  for (const input of model.inputs) {
    if (boxes[input].value || !model.optional.includes(input)) asked[input] = boxes[input].value;
  }
  byId("send").disabled = true;
  const body = JSON.stringify({instances: [asked]});
  try {
    const found = await answerOf(body);
    if (number !== asking) return;
    byId("answer").replaceChildren(...show(found.predictions[0], asked));
    byId("request").textContent = `POST ${new URL(model.path, location)}\n\n${body}`;
    byId("response").textContent = JSON.stringify(found, null, 1);
    byId("raw").hidden = false;
  } catch (error) {
    if (number === asking) showWrong(error.message);
  } finally {
    if (number === asking) byId("send").disabled = false;
  }
}

model.inputs.forEach(addBox);
byId("ask").addEventListener("submit", event => { event.preventDefault(); ask(); });
byId("ask").addEventListener("keydown", event => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); ask(); }
});
byId("fill").addEventListener("click", () => {
  for (const input in boxes) boxes[input].value = model.example[input] ?? "";
  ask();
});

const given = new URLSearchParams(location.search);
const wanted = model.inputs.filter(input => given.has(PARAMETERS[input]));
for (const input of wanted) boxes[input].value = given.get(PARAMETERS[input]);
if (wanted.length) ask(); else boxes[model.inputs[0]].focus();
