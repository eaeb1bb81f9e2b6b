// The field for the next message, and what stands beside it.
import { byID, element } from "./dom.js";
import { t } from "./strings.js";

const thinking = [
  ["", "thinkingAuto"], ["on", "thinkingOn"], ["off", "thinkingOff"],
  ["low", "effortLow"], ["medium", "effortMedium"], ["high", "effortHigh"],
];

/** Sets up the composer. `send` gets a text, `stop` ends what is being written. */
export function setUp({ send, stop, settings, changed }) {
  const form = byID("composer");
  const field = byID("message");
  const choice = byID("thinking");
  choice.append(...thinking.map(([value, text]) => element("option", { value }, t(text))));
  choice.value = settings.thinking;
  choice.addEventListener("change", () => { settings.thinking = choice.value; changed(); });

  const fit = () => {
    field.rows = Math.min(10, Math.max(1, field.value.split("\n").length + Math.floor(field.value.length / 90)));
  };
  field.addEventListener("input", fit);
  field.addEventListener("keydown", (event) => {
    // A key that ends the choice of a character is not one that sends.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (form.classList.contains("busy")) return;
    if (!field.value.trim()) return;
    send(field.value);
    field.value = "";
    fit();
  });
  byID("stop").addEventListener("click", stop);
}

/** Shows whether something is being written. */
export function setBusy(isBusy) {
  const hadFocus = [byID("stop"), byID("send")].includes(document.activeElement);
  byID("composer").classList.toggle("busy", isBusy);
  byID("stop").hidden = !isBusy;
  byID("send").hidden = isBusy;
  if (hadFocus) byID("message").focus();
}
