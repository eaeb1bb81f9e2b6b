// The list of conversations: searching, exporting, importing, removing.
import { exported, has, imported } from "./conversation.js";
import { announce, byID, download, element, iconButton } from "./dom.js";
import * as store from "./store.js";
import { t } from "./strings.js";

let chosen;
let open;

/** Sets up the list. `actions.open` shows a conversation, `actions.removed` is told of one that is gone. */
export function setUp(actions) {
  open = actions.open;
  byID("search").addEventListener("input", () => show(chosen));
  byID("new").addEventListener("click", () => { close(); actions.create(); });
  byID("export").addEventListener("click", async () => {
    download(new Blob([exported(await store.all())], { type: "application/json" }), "conversations.json");
  });
  byID("import").addEventListener("click", () => byID("file").click());
  byID("file").addEventListener("change", async () => {
    const [file] = byID("file").files;
    byID("file").value = "";
    if (!file) return;
    try {
      const found = imported(await file.text());
      for (const conversation of found) await store.put(conversation);
      announce(t("imported", { count: found.length }));
      show(chosen);
    } catch { alert(t("notImported")); }
  });
  byID("menu").addEventListener("click", () => toggle(!document.body.classList.contains("menu-open")));
  byID("shade").addEventListener("click", close);

  byID("conversations").addEventListener("click", async (event) => {
    const id = event.target.closest("[data-remove]")?.dataset.remove;
    if (!id) return;
    const found = (await store.all()).find((conversation) => conversation.id === id);
    if (!found || !confirm(t("removeAsk", { title: found.title || t("untitled") }))) return;
    await store.remove(id);
    actions.removed(id);
    show(chosen);
  });
}

function toggle(isOpen) {
  document.body.classList.toggle("menu-open", isOpen);
  byID("menu").setAttribute("aria-expanded", String(isOpen));
  if (isOpen) byID("search").focus();
}

/** Closes the list where it lies above the conversation. */
export function close() {
  if (!document.body.classList.contains("menu-open")) return false;
  toggle(false);
  byID("menu").focus();
  return true;
}

export function focusSearch() {
  if (getComputedStyle(byID("menu")).display !== "none") toggle(true);
  byID("search").focus();
}

/** Shows the conversations that the search finds; `id` is the one that is open. */
export async function show(id) {
  chosen = id;
  const found = (await store.all()).filter((conversation) => has(conversation, byID("search").value));
  byID("conversations").replaceChildren(...found.map((conversation) => {
    const title = conversation.title || t("untitled");
    const button = element("button", { type: "button", class: "title", "aria-current": conversation.id === id && "true" }, title);
    button.addEventListener("click", () => { close(); open(conversation); });
    const remove = iconButton("remove", t("remove", { title }), undefined, { "data-remove": conversation.id });
    return element("li", {}, button, remove);
  }));
  byID("nothing").hidden = found.length > 0 || !byID("search").value;
}
