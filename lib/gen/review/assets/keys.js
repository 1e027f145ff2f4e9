// A key acts as a click on its button would, and not at all while a text is typed.
const keys = {
  a: "accept", r: "reject", e: "edit", v: "pick", u: "undo",
  k: "previous", ArrowLeft: "previous", j: "next", ArrowRight: "next",
};
const press = (id) => {
  const button = document.getElementById(id);
  const there = button && !button.disabled && button.offsetParent !== null;
  if (there) {
    button.click();
    window.scrollTo(0, 0); // what is new stands at the top: a message, the next row, the editor
  }
  return there;
};
document.addEventListener("keydown", (event) => {
  const at = event.target instanceof Element ? event.target : document.body;
  if (at.closest("#editor")) {
    const saves = event.key === "Enter" && (event.ctrlKey || event.metaKey);
    if ((saves && press("save")) || (event.key === "Escape" && press("cancel")))
      event.preventDefault();
    return;
  }
  if (at.closest("textarea, select, [contenteditable], input:not([type=radio])")) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "?") {
    const help = document.querySelector("#help details");
    help.open = !help.open;
    if (help.open) help.scrollIntoView({block: "nearest"});
    return;
  }
  const arrow = event.key.startsWith("Arrow");
  const id = keys[arrow ? event.key : event.key.toLowerCase()];
  const moves = id === "next" || id === "previous";
  // Arrows choose among the filters there; a key held down decides one row only.
  if (!id || (arrow && at.closest("input")) || (event.repeat && !moves)) return;
  if (press(id)) event.preventDefault();
});
