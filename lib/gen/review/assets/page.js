// `element` holds page.html, `server.respond` is page.py's (gradio.HTML defines both).
const $ = (id) => element.querySelector("#" + id);
const filters = ["kind", "state", "order", "search"].map($);
const byKey = {ArrowLeft: $("previous"), ArrowRight: $("next")}; // key → its button or field
for (const item of element.querySelectorAll("[data-key]")) byKey[item.dataset.key] = item;
let shown = {row: "", version: 0, read: -1}; // the server's last answer

// --- one request after the other, in the order of the keys --------------------------------------

let queue = Promise.resolve(), waiting = 0;
let refusals = 0; // keys pressed before one was seen are not meant for what it shows
const later = (task) => {
  const seen = refusals;
  waiting += 1;
  queue = queue.then(() => { if (seen === refusals) return task(); }).catch(() => {
    refusals += 1;
    $("message").textContent =
      "Nothing was saved: no answer. Is python -m lib.gen review still running?";
  }).finally(() => { waiting -= 1; });
};

async function ask(action, reason = "", row = shown.row) {
  const sent = {action, reason, row, dataset: shown.dataset, reviewer: shown.reviewer,
    version: shown.version, read: shown.read, go: $("go").value.trim()};
  for (const field of filters) sent[field.id] = field.value;
  const got = await server.respond(sent);
  if (got === undefined) throw new Error("no answer");
  if (got?.refused) refusals += 1;
  if (got) draw(got, sent); // null: nothing has changed
}

function draw(got, sent) {
  const place = ({dataset, reviewer, row}) => [dataset, reviewer, row].join(" ");
  const moved = place(got) !== place(shown);
  if (moved || got.card !== shown.card) $("card").innerHTML = got.card; // page.py escapes it
  if (moved) window.scrollTo(0, 0);
  shown = got;
  for (const id of ["dataset", "reviewer", "decided", "place", "figures"])
    $(id).textContent = got[id];
  if (got.message || sent.action !== "look") $("message").textContent = got.message;
  Object.assign($("progress"), {max: got.rows, value: got.done});
  sessionStorage.setItem("review", JSON.stringify(
    {row: got.row, ...Object.fromEntries(filters.map((field) => [field.id, field.value]))}));
}

// --- keys and buttons ---------------------------------------------------------------------------

const press = (button) => ask(button.dataset.action, button.dataset.reason);
element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) later(() => press(button));
});

const FIELD = "input, select";
document.onkeydown = (event) => {
  const at = event.target instanceof Element ? event.target : document.body;
  const key = event.key, item = byKey[key.length === 1 ? key.toLowerCase() : key];
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (at.closest(FIELD)) return leave(at, key);
  if (!item) return;
  event.preventDefault();
  // A key held down moves on, and no further than what is shown; it decides one row only.
  const moves = item === $("previous") || item === $("next");
  if (event.repeat && (!moves || waiting)) return;
  if (!item.matches(FIELD)) return later(() => press(item));
  item.focus();
  item.select(); // what is typed replaces it
};

function leave(field, key) {
  if (key === "Escape" || key === "Enter") field.blur();
  if (key === "Enter" && field === $("go")) later(() => ask("go"));
}
for (const field of filters)
  field.addEventListener("change", () => { field.blur(); later(() => ask("show")); });

// --- the start, and what other tabs decide ------------------------------------------------------

const before = JSON.parse(sessionStorage.getItem("review") ?? "{}"); // after a reload
for (const field of filters) field.value = before[field.id] ?? field.value;
later(() => ask("start", "", before.row));
const look = () => { if (!waiting && !document.hidden) later(() => ask("look")); };
clearInterval(window.looking);
window.looking = setInterval(look, 2000);
document.onvisibilitychange = look;
