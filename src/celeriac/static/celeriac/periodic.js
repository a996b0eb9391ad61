// The form of a periodic task: shows the inputs of the chosen kind, and says while one types what the form means.
// Everything is checked again when it is saved, so the form works without this, too.

const PAUSE = 250; // milliseconds without a key, after which the server is asked

const form = document.getElementById("periodictask_form");
const preview = form?.querySelector(".celeriac-preview");
const kind = form?.elements.namedItem("kind");

function showKind() {
  for (const inputs of form.querySelectorAll("fieldset.celeriac-kind")) {
    const chosen = inputs.classList.contains(`celeriac-kind-${kind.value}`);
    inputs.hidden = !chosen;
    inputs.disabled = !chosen; // what is disabled is not sent
  }
}

function write(of, text) {
  preview.querySelector(`[data-of="${of}"]`).textContent = text ?? "";
}

function writeTimes(times) {
  const items = times.map((time) => Object.assign(document.createElement("li"), { textContent: time }));
  preview.querySelector('[data-of="times"]').replaceChildren(...items);
}

function writeErrors(errors) {
  for (const old of form.querySelectorAll(".celeriac-error, .errornote, ul.errorlist")) {
    old.remove();
  }
  for (const [name, texts] of Object.entries(errors)) {
    const row = form.querySelector(`.form-row.field-${CSS.escape(name)}`) ?? preview;
    for (const textContent of texts) {
      row.append(Object.assign(document.createElement("div"), { className: "help celeriac-error", textContent }));
    }
  }
}

function showMeaning({ schedule, task }) {
  write("words", schedule?.words);
  write("zone", schedule?.zone);
  write("hint", schedule?.hint);
  writeTimes(schedule?.times ?? []);
  signature.textContent = task?.signature ?? "";
  signature.title = task?.about ?? "";
}

function showAll(said) {
  showMeaning(said);
  writeErrors(said.errors);
}

// How the chosen task is called, below its name.
const signature = Object.assign(document.createElement("div"), { className: "help celeriac-signature" });

let asked; // the request on its way: an answer that comes after the next question is dropped
let timer;

async function ask(show) {
  asked?.abort();
  const mine = (asked = new AbortController());
  try {
    const answer = await fetch(preview.dataset.url, { method: "POST", body: new FormData(form), signal: mine.signal });
    if (answer.ok && mine === asked) {
      show(await answer.json());
    }
  } catch (error) {
    if (error.name !== "AbortError") {
      console.warn("The preview could not be asked for:", error);
    }
  }
}

function askSoon(pause, show = showAll) {
  clearTimeout(timer);
  timer = setTimeout(ask, pause, show);
}

if (kind && preview) {
  showKind();
  form.querySelector(".form-row.field-task")?.append(signature);
  kind.addEventListener("change", showKind);
  form.addEventListener("input", () => askSoon(PAUSE));
  form.addEventListener("change", () => askSoon(PAUSE));
  askSoon(0, form.querySelector(".errorlist") ? showMeaning : showAll); // what was refused stays until one types
}
