// The form for a key, on pages that show nothing without one.
import { key } from "./api.js";
import { byID } from "./dom.js";

/** Sets up the form; `given` is called when a key was given. */
export function setUp(given = () => {}) {
  byID("key").value = key.get();
  byID("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    key.set(byID("key").value.trim());
    byID("key-form").hidden = true;
    given();
  });
}

/** Shows the form where it is the key that a refusal is about. */
export function show(refusal) {
  if (refusal.status === 401 || refusal.status === 403) byID("key-form").hidden = false;
}
