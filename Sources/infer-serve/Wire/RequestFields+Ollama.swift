import InferCore
import InferText

extension RequestFields {
  /// The fields of Ollama's `POST /api/chat`.
  static let ollamaChat = RequestFields(
    fields: ollama + all(.read, "messages", "tools", "tool_choice", "parallel_tool_calls") + all(.ignored, "n_keep"),
    options: ollamaOptions, shapes: ollamaShapes)

  /// The fields of Ollama's `POST /api/generate`.
  static let ollamaGenerate = RequestFields(
    fields: ollama + all(.read, "prompt", "suffix", "system", "raw", "n_keep"), options: ollamaOptions,
    shapes: ollamaShapes)

  private static let ollamaOptions = options + [("num_ctx", "num_ctx")]

  /// Ollama's fields, and those of this server that concern sampling and scheduling.
  private static let ollama =
    all(
      .read, "model", "stream", "options", "think", "logprobs", "top_logprobs", "truncate", "num_ctx", "temperature",
      "top_k", "top_p", "min_p", "repetition_penalty", "repeat_last_n", "presence_penalty", "frequency_penalty",
      "logit_bias", "seed", "max_tokens", "min_tokens", "stop", "stop_token_ids", "ignore_eos",
      "include_stop_str_in_output", "skip_special_tokens", "chat_template_kwargs", "cache_salt", "cache_prompt",
      "session_id", "id_slot", "priority", "user", "safety_identifier", "timeout", "overflow", "response_format",
      "keep_alive")
    + [
      ("template", .refused("A template of the request's own is", unless: [""])),
      ("context", .refused("A conversation as tokens is", unless: [.array([])])),
      ("_debug_render_only", .refused("A prompt without an answer is", unless: [false])),
      ("n", .refused("More than one answer is", unless: [1])),
    ] + samplers + constraints
    // What becomes of answers beyond the context, and the size of pictures that are none.
    + all(.ignored, "shift", "runner", "width", "height", "steps")
}
