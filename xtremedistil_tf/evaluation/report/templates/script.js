// Copies the command, sorts tables, unfolds all for paper. Reading needs none of it.
// Neither "less than" nor ampersand occurs: the page is XML too, where a script is not exempt from escaping.
(() => {
  "use strict";
  // Works in a page opened from a file too, and leaves the text selected where the browser refuses.
  for (const button of document.querySelectorAll("button[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      getSelection().selectAllChildren(document.getElementById(button.dataset.copy));
      button.textContent = document.execCommand("copy") ? "Copied" : "Selected";
    });
  }
  const number = text => parseFloat(text.replaceAll(",", ""));
  const compare = (one, other) => {
    const a = number(one), b = number(other);
    if (Number.isNaN(a) === Number.isNaN(b)) return Number.isNaN(a) ? other.localeCompare(one) : a - b;
    return Number.isNaN(a) ? -1 : 1;
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
    heads.forEach((head, column) => {
      if (head.className === "bar" || head.textContent === "") return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const falling = head.ariaSort !== "descending";
        heads.forEach(other => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", falling ? "descending" : "ascending");
        const value = row => row.cells[column].textContent.trim();
        const rows = [...table.tBodies[0].rows];
        rows.sort((a, b) => (falling ? 1 : -1) * compare(value(b), value(a)));
        table.tBodies[0].append(...rows);
      });
    });
  }
  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details")) details.open = true;
  });
})();
