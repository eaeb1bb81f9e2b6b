// One answer: the request, and the turn that grows with what comes.
import { events, request } from "./api.js";
import { messages } from "./conversation.js";

const choices = {
  on: { enable_thinking: true }, off: { enable_thinking: false },
  low: { reasoning_effort: "low" }, medium: { reasoning_effort: "medium" }, high: { reasoning_effort: "high" },
};

/** The body of a request for an answer below a turn. */
export function body(conversation, last, settings) {
  const asked = {
    model: settings.model || undefined, messages: messages(conversation, last), stream: true,
    stream_options: { include_usage: true }, ...choices[settings.thinking], ...settings.sampling,
  };
  if (settings.schema) {
    asked.response_format = { type: "json_schema", json_schema: { name: "answer", strict: true, schema: settings.schema } };
  }
  if (settings.tools?.length) asked.tools = settings.tools;
  return asked;
}

/**
 * Fills a turn with the answer to those before it. `changed` is called whenever there is more of it; how it ended stands in
 * the turn.
 */
export async function generate(conversation, turn, settings, signal, changed) {
  const start = performance.now();
  const statistics = {};
  let reasoningStart;
  const last = conversation.turns[turn.parent];
  try {
    const response = await request("v1/chat/completions", { body: body(conversation, last, settings), signal });
    for await (const event of events(response)) {
      if (event.error) throw new Error(event.error.message);
      take(event, turn, statistics, () => {
        const now = performance.now();
        statistics.firstTokenSeconds ??= (now - start) / 1000;
        return now;
      });
      if (turn.reasoning && reasoningStart === undefined) reasoningStart = performance.now();
      if (turn.content || turn.calls) noteReasoning();
      turn.statistics = statistics;
      changed();
    }
    if (!turn.finish) turn.error = "lost";
  } catch (error) {
    if (signal.aborted) turn.stopped = true; else turn.error = error.message || "lost";
  }
  noteReasoning();

  function noteReasoning() {
    if (reasoningStart === undefined || turn.reasoningSeconds !== undefined) return;
    turn.reasoningSeconds = (performance.now() - reasoningStart) / 1000;
  }
}

/** Takes over an event; `arrived` notes that there was something of the answer. */
function take(event, turn, statistics, arrived) {
  const choice = event.choices?.[0];
  const delta = choice?.delta ?? {};
  if (choice) arrived();
  if (delta.reasoning_content) turn.reasoning = (turn.reasoning ?? "") + delta.reasoning_content;
  if (delta.content) turn.content += delta.content;
  for (const part of delta.tool_calls ?? []) {
    turn.calls ??= [];
    const call = (turn.calls[part.index] ??= { id: part.id ?? "", type: "function", function: { name: "", arguments: "" } });
    if (part.id) call.id = part.id;
    call.function.name += part.function?.name ?? "";
    call.function.arguments += part.function?.arguments ?? "";
  }
  if (choice?.finish_reason) turn.finish = choice.finish_reason;
  if (event.timings) statistics.rate = event.timings.predicted_per_second;
  if (event.usage) {
    statistics.tokens = event.usage.completion_tokens;
    statistics.promptTokens = event.usage.prompt_tokens;
    statistics.cachedTokens = event.usage.prompt_tokens_details?.cached_tokens ?? 0;
  }
}
