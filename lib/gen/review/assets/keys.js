// `keys` says which button a key clicks; none while a text is typed.
const press = (id) => {
  const button = document.getElementById(id);
  if (!button || button.disabled || button.offsetParent === null) return false;
  button.click();
  window.scrollTo(0, 0); // a message or the next row is shown at the top
  return true;
};
document.addEventListener("keydown", (event) => {
  const at = event.target instanceof Element ? event.target : document.body;
  if (at.closest("textarea, select, [contenteditable], input:not([type=radio])")) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const arrow = event.key.startsWith("Arrow");
  const id = keys[arrow ? event.key : event.key.toLowerCase()];
  const moves = id === "next" || id === "previous";
  // Arrows choose among the filters there; a key held down decides one row only.
  if (!id || (arrow && at.closest("input")) || (event.repeat && !moves)) return;
  if (press(id)) event.preventDefault();
});
