// The turns of a conversation on the page.
import { parent } from "./conversation.js";
import { element, icon, iconButton, throttled } from "./dom.js";
import { code, MarkdownView } from "./markdown.js";
import { number, t } from "./strings.js";

/** One turn. `actions` are what its buttons do: edit, again, step, results. */
export class TurnView {
  #turn;
  #reasoning;
  #reasoningSummary;
  #reasoningText;
  #markdown;
  #calls;
  #foot;
  #actions;
  #conversation;
  #shownReasoning = 0;
  #draw = throttled(() => this.#show(false));

  constructor(conversation, turn, actions) {
    this.#conversation = conversation;
    this.#turn = turn;
    this.#actions = actions;
    const role = { user: t("you"), assistant: t("assistant"), tool: t("toolResult") }[turn.role];
    this.content = element("div", { class: "content" });
    this.#foot = element("footer");
    this.#calls = element("div");
    this.element = element("article", { class: `turn ${turn.role}`, "aria-label": role, tabIndex: -1 });
    this.#reasoningSummary = element("summary", {});
    this.#reasoningText = element("div", { class: "reasoning" });
    this.#reasoning = element("details", { hidden: true }, this.#reasoningSummary, this.#reasoningText);
    this.element.append(this.content, this.#calls, this.#foot);
    if (turn.role === "assistant") {
      this.element.prepend(this.#reasoning);
      this.#markdown = new MarkdownView(this.content);
    } else this.content.textContent = turn.content;
    this.finish();
  }

  /** There is more of the answer. */
  grow() {
    this.element.setAttribute("aria-busy", "true");
    this.#draw();
  }

  /** There will be no more. */
  finish() {
    this.element.removeAttribute("aria-busy");
    this.#isOver = true;
    this.#show(true);
  }

  #isOver = false;

  /** The answer begins to grow. */
  begin() {
    this.#isOver = false;
    this.element.setAttribute("aria-busy", "true");
    this.#show(false);
  }

  #show(isComplete) {
    if (this.#isOver && !isComplete) return;
    const turn = this.#turn;
    if (turn.reasoning) {
      this.#reasoning.hidden = false;
      this.#reasoningText.append(turn.reasoning.slice(this.#shownReasoning));
      this.#shownReasoning = turn.reasoning.length;
      const isOpen = !this.#isOver && turn.reasoningSeconds === undefined;
      const length = t("reasoned", {
        words: number(turn.reasoning.trim().length), seconds: number(turn.reasoningSeconds ?? 0, 1),
      });
      this.#reasoningSummary.textContent = isOpen ? t("reasoningNow") : `${t("reasoning")} · ${length}`;
    }
    this.#markdown?.update(turn.content, isComplete);
    this.element.classList.toggle("waiting", !this.#isOver && !turn.content && !turn.reasoning && !turn.calls);
    if (turn.calls) this.#showCalls(isComplete);
    if (isComplete) this.#showFoot();
  }

  #showCalls(isComplete) {
    const calls = this.#turn.calls.filter(Boolean);
    this.#calls.replaceChildren(...calls.map((call) => {
      let text = call.function.arguments;
      try { text = JSON.stringify(JSON.parse(text), null, 2); } catch { /* Not complete, or no JSON. */ }
      return element("section", { class: "call" }, element("h3", {}, t("toolCall", { name: call.function.name })), code(text, "json"));
    }));
    if (!isComplete || this.#turn.children.length) return;
    const fields = calls.map((call) => element("textarea", { rows: 2, "aria-label": t("giveResult", { name: call.function.name }), placeholder: t("giveResult", { name: call.function.name }) }));
    const send = element("button", { type: "button", onclick: () => this.#actions.results(this.#turn, fields.map((field) => field.value)) }, t("sendResults"));
    this.#calls.append(element("div", { class: "results" }, ...fields, send));
  }

  #showFoot() {
    const turn = this.#turn;
    const isAnswer = turn.role === "assistant";
    const copy = iconButton("copy", t("copy"), async () => {
      await navigator.clipboard.writeText(turn.content);
      copy.replaceChildren(icon("done"));
      setTimeout(() => copy.replaceChildren(icon("copy")), 1500);
    });
    const buttons = [copy, iconButton("edit", t("edit"), () => this.#edit())];
    if (isAnswer) buttons.push(iconButton("again", t("again"), () => this.#actions.again(turn)));
    const siblings = parent(this.#conversation, turn).children;
    if (siblings.length > 1) {
      const index = siblings.indexOf(turn.id);
      buttons.unshift(element("span", { class: "versions" },
        iconButton("previous", t("previous"), () => this.#actions.step(turn, -1), { disabled: index === 0 }),
        element("span", {}, `${index + 1}/${siblings.length}`),
        iconButton("next", t("next"), () => this.#actions.step(turn, 1), { disabled: index === siblings.length - 1 })));
    }
    this.#foot.replaceChildren();
    const note = turn.error ? t("failed", { message: turn.error === "lost" ? t("connectionLost") : turn.error })
      : turn.stopped ? t("wasStopped") : turn.finish === "length" ? t("cutOff") : "";
    if (note) this.#foot.append(element("p", { class: turn.error ? "note error" : "note" }, note));
    this.#foot.append(element("div", { class: "buttons" }, ...buttons));
    if (isAnswer && turn.statistics) this.#foot.append(element("p", { class: "statistics" }, statistics(turn)));
  }

  #edit() {
    const turn = this.#turn;
    const text = element("textarea", { value: turn.content, "aria-label": t("editText"), rows: Math.min(12, turn.content.split("\n").length + 1) });
    const leave = () => {
      form.replaceWith(this.content);
      this.#foot.hidden = false;
      this.element.querySelector("footer button")?.focus();
    };
    const form = element("form", { class: "editor" }, text, element("div", { class: "buttons" },
      element("button", { type: "submit", class: "primary" }, turn.role === "assistant" ? t("save") : t("saveAndSend")),
      element("button", { type: "button", onclick: leave }, t("cancel"))));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#actions.edit(turn, text.value);
    });
    form.addEventListener("keydown", (event) => {
      if (event.key === "Escape") { event.stopPropagation(); leave(); }
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    });
    this.content.replaceWith(form);
    this.#foot.hidden = true;
    text.focus();
  }
}

function statistics({ statistics: told }) {
  const parts = [];
  if (told.tokens !== undefined) parts.push(t("tokens", { count: number(told.tokens) }));
  if (told.rate) parts.push(t("rate", { count: number(told.rate, told.rate < 100 ? 1 : 0) }));
  if (told.firstTokenSeconds !== undefined) parts.push(t("firstToken", { seconds: number(told.firstTokenSeconds, 2) }));
  if (told.promptTokens !== undefined) parts.push(t("cached", { count: number(told.cachedTokens), all: number(told.promptTokens) }));
  return parts.join(" · ");
}
