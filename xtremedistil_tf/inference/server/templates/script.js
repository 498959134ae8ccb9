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

function addKey() {
  if (!model.key) return;
  const box = make("input");
  box.type = "password";
  box.autocomplete = "off";
  byId("fields").append(make("label", "", "Key of this server", box));
  boxes.key = box;
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

function table(names, rows) {
  const head = make("tr", "", ...names.map(name => make("th", "", name)));
  head.childNodes.forEach(cell => { cell.scope = "col"; });
  const body = rows.map(row => make("tr", "", ...row.map(text => make("td", "", text))));
  return make("div", "scroll", make("table", "", make("thead", "", head), make("tbody", "", ...body)));
}

SHOW_OF_THE_KIND
function showWrong(message) {
  byId("answer").replaceChildren(make("p", "card wrong", message.charAt(0).toUpperCase() + message.slice(1)));
}

function headers() {
  const typed = {"Content-Type": "application/json"};
  return boxes.key?.value ? {...typed, Authorization: `Bearer ${boxes.key.value}`} : typed;
}

async function answerOf(body) {
  let response;
  try {
    response = await fetch(model.path, {method: "POST", body, headers: headers()});
  } catch {
    throw new Error("The server does not answer.");
  }
  const found = await response.json();
  if (!response.ok) throw new Error(found.error ?? `The server answered with status ${response.status}.`);
  return found;
}

// The same request for the three most used clients; keys are never written out.
function programs(body) {
  const url = new URL(model.path, location).href;
  const quoted = text => `'${text.replaceAll("'", `'\\''`)}'`;
  const key = model.key ? {Authorization: "Bearer <key>"} : {};
  const all = {"Content-Type": "application/json", ...key};
  const flags = Object.entries(all).map(([name, value]) => `-H ${quoted(`${name}: ${value}`)} `).join("");
  const python = model.key ? `, headers=${JSON.stringify(key)}` : "";
  return {
    curl: `curl ${flags}-d ${quoted(body)} ${url}`,
    Python: `import json\nimport requests\n\nquestion = json.loads(${JSON.stringify(body)})\n`
      + `response = requests.post(${JSON.stringify(url)}, json=question${python}, timeout=30)\n`
      + `response.raise_for_status()\nprint(response.json()["predictions"][0])`,
    JavaScript: `const response = await fetch(${JSON.stringify(url)}, {\n  method: "POST",\n`
      + `  headers: ${JSON.stringify(all)},\n  body: JSON.stringify(${body}),\n});\n`
      + "console.log((await response.json()).predictions[0]);",
  };
}

async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Select and copy";  // no clipboard without HTTPS or localhost
  }
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
}

function showPrograms(body) {
  const shown = Object.entries(programs(body)).map(([name, text]) => {
    const button = make("button", "plain small", "Copy");
    button.type = "button";
    button.setAttribute("aria-label", `Copy ${name}`);
    button.addEventListener("click", () => copy(text, button));
    const code = make("pre", "", text);
    code.tabIndex = 0;
    return make("div", "snippet", make("h2", "", name), button, code);
  });
  byId("snippets").replaceChildren(...shown);
  byId("code").hidden = false;
}

function setWorking(working) {
  byId("send").disabled = working;
  byId("work").textContent = working ? "Working …" : "";
  byId("answer").setAttribute("aria-busy", String(working));
  document.body.classList.toggle("working", working);
}

let asking = 0;
async function ask() {
  const number = ++asking, asked = {};
  for (const input of model.inputs) {
    if (boxes[input].value || !model.optional.includes(input)) asked[input] = boxes[input].value;
  }
  setWorking(true);
  const body = JSON.stringify({instances: [asked]});
  try {
    const found = await answerOf(body);
    if (number !== asking) return;
    byId("answer").replaceChildren(...show(found.predictions[0], asked));
    byId("request").textContent = `POST ${new URL(model.path, location)}\n\n${body}`;
    byId("response").textContent = JSON.stringify(found, null, 1);
    byId("raw").hidden = false;
    showPrograms(body);
  } catch (error) {
    if (number === asking) showWrong(error.message);
  } finally {
    if (number === asking) setWorking(false);
  }
}

addKey();
model.inputs.forEach(addBox);
byId("ask").addEventListener("submit", event => { event.preventDefault(); ask(); });
byId("ask").addEventListener("keydown", event => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); ask(); }
});
byId("fill").addEventListener("click", () => {
  for (const input of model.inputs) boxes[input].value = model.example[input] ?? "";
  ask();
});

const given = new URLSearchParams(location.search);
const wanted = model.inputs.filter(input => given.has(PARAMETERS[input]));
for (const input of wanted) boxes[input].value = given.get(PARAMETERS[input]);
if (wanted.length && !model.key) ask(); else (boxes.key ?? boxes[model.inputs[0]]).focus();
