"use strict";
// Show the answers that the form asks for. The address keeps what it asks: it can be sent.
const form = document.querySelector("form");
const sections = [...document.querySelectorAll("section")];
const cards = [...document.querySelectorAll("article")].map((card) => ({
  card,
  condition: card.parentElement.dataset.condition,
  compared: card.dataset.compared,
  text: card.textContent.toLowerCase(),
  replies: [...card.querySelectorAll("[data-model]")],
}));

function filter() {
  const asked = Object.fromEntries(new FormData(form));
  const words = asked.search.toLowerCase().split(/\s+/);
  const isOf = (reply) => !asked.model || reply.dataset.model === asked.model;
  const became = (reply) =>
    !asked.outcome ||
    reply.dataset.outcome === asked.outcome ||
    (asked.outcome === "refused" && "refused" in reply.dataset);
  let questions = 0;
  let answers = 0;
  for (const { card, condition, compared, text, replies } of cards) {
    const fits =
      (!asked.condition || condition === asked.condition) &&
      (!asked.compared || compared === asked.compared) &&
      words.every((word) => text.includes(word)) &&
      replies.some((reply) => isOf(reply) && became(reply));
    card.hidden = !fits;
    if (!fits) continue;
    questions += 1;
    for (const reply of replies) {
      reply.hidden = !isOf(reply);
      answers += !reply.hidden;
    }
  }
  for (const section of sections) {
    section.hidden = !section.querySelector("article:not([hidden])");
  }
  form.querySelector("output").textContent =
    `${answers.toLocaleString("en")} answers to ${questions.toLocaleString("en")} questions`;
  history.replaceState(null, "", `#${new URLSearchParams(asked)}`);
}

const known = new URLSearchParams(location.hash.slice(1));
for (const field of form.elements) {
  if (known.has(field.name)) field.value = known.get(field.name);
}
form.addEventListener("input", filter);
form.addEventListener("submit", (event) => event.preventDefault());
form.hidden = false;
document.querySelector("nav").hidden = true;
filter();
