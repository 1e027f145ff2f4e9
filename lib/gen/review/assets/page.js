// `element` holds page.html, `server.respond` is page.py's (gradio.HTML defines both).
const $ = (id) => element.querySelector("#" + id);
const note = $("note"), filters = ["kind", "state", "order", "search"].map($);
const byKey = {ArrowLeft: $("previous"), ArrowRight: $("next")}; // key → its button or field
for (const item of element.querySelectorAll("[data-key]")) byKey[item.dataset.key] = item;
let shown = {row: "", version: 0, read: -1, note: ""}; // the server's last answer
const draft = (page, row) => ["note", page.dataset, page.reviewer, row].join(" ");
const kept = (name) => JSON.parse(localStorage.getItem(name) ?? "null"); // [note, saved before]

// --- one request after the other, in the order of the keys --------------------------------------

let queue = Promise.resolve(), waiting = 0;
let entering = false; // a note is to be written, on a row that is not shown yet
let refusals = 0; // keys pressed before one was seen are not meant for what it shows
function refuse() {
  refusals += 1;
  entering = false;
}
const later = (task) => {
  const seen = refusals;
  waiting += 1;
  queue = queue.then(() => { if (seen === refusals) return task(); }).catch(() => {
    refuse();
    $("message").textContent =
      "Nothing was saved: no answer. Is python -m lib.gen review still running?";
  }).finally(() => { waiting -= 1; });
};

async function ask(action, reason = "", row = shown.row) {
  const sent = {action, reason, row, dataset: shown.dataset, reviewer: shown.reviewer,
    version: shown.version, read: shown.read, note: note.value, noted: shown.note,
    go: $("go").value.trim()};
  for (const field of filters) sent[field.id] = field.value;
  const got = await server.respond(sent);
  if (got === undefined) throw new Error("no answer");
  if (got?.refused) refuse();
  if (got) draw(got, sent); // null: nothing has changed
}

function draw(got, sent) {
  const before = draft(sent, sent.row), after = draft(got, got.row);
  const moved = after !== draft(shown, shown.row);
  const saved = before === draft(got, sent.row) && (moved || got.note === sent.note);
  if (saved && kept(before)?.[0] === sent.note) localStorage.removeItem(before);
  if (moved) [note.value, got.note] = kept(after) ?? [got.note, got.note];
  else if (!changed()) note.value = got.note;
  else if (sent.action === "look") got.note = shown.note; // what this text is to replace
  if (moved || got.card !== shown.card) $("card").innerHTML = got.card; // page.py escapes it
  if (moved) window.scrollTo(0, 0);
  shown = got;
  for (const id of ["dataset", "reviewer", "decided", "place", "figures"])
    $(id).textContent = got[id];
  if (got.message || sent.action !== "look") $("message").textContent = got.message;
  Object.assign($("progress"), {max: got.rows, value: got.done});
  $("unsaved").hidden = !changed();
  sessionStorage.setItem("review", JSON.stringify(
    {row: got.row, ...Object.fromEntries(filters.map((field) => [field.id, field.value]))}));
}

// --- keys and buttons ---------------------------------------------------------------------------

const press = (button) => ask(button.dataset.action, button.dataset.reason);
element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) later(() => press(button));
});

const FIELD = "textarea, input, select";
document.onkeydown = (event) => {
  const at = event.target instanceof Element ? event.target : document.body;
  const key = event.key, item = byKey[key.length === 1 ? key.toLowerCase() : key];
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (at.closest(FIELD)) return leave(at, key);
  if (!item && !entering) return;
  event.preventDefault();
  // A key held down moves on, and no further than what is shown; it decides one row only.
  const moves = item === $("previous") || item === $("next");
  if (event.repeat && (!moves || waiting)) return;
  if (entering) later(() => type(key));
  else if (!item.matches(FIELD)) later(() => press(item));
  else if (item !== note || !waiting) enter(item);
  else {
    entering = true;
    later(() => { entering = false; note.focus(); });
  }
};

function type(key) { // what was typed before the note's row was shown
  if (key === "Escape") return note.blur();
  if (key.length === 1) note.setRangeText(key, note.selectionStart, note.selectionEnd, "end");
  note.dispatchEvent(new Event("input"));
}

function enter(field) {
  field.focus();
  if (field !== note) field.select(); // what is typed replaces it
}

function leave(field, key) {
  if (key === "Escape" || (key === "Enter" && field !== note)) field.blur();
  if (key === "Enter" && field === $("go")) later(() => ask("go"));
}
for (const field of filters)
  field.addEventListener("change", () => { field.blur(); later(() => ask("show")); });

// --- a note is kept in the browser until it is saved --------------------------------------------

function changed() { return note.value !== shown.note; }
note.addEventListener("input", () => {
  localStorage.setItem(draft(shown, shown.row), JSON.stringify([note.value, shown.note]));
  $("unsaved").hidden = !changed();
});
note.addEventListener("blur", () => { if (changed()) later(() => ask("note")); });

// --- the start, and what other tabs decide ------------------------------------------------------

const before = JSON.parse(sessionStorage.getItem("review") ?? "{}"); // after a reload
for (const field of filters) field.value = before[field.id] ?? field.value;
later(() => ask("start", "", before.row));
const look = () => { if (!waiting && !document.hidden) later(() => ask("look")); };
clearInterval(window.looking);
window.looking = setInterval(look, 2000);
document.onvisibilitychange = look;
