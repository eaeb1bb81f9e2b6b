import InferCore
import InferText

extension RequestFields {
  /// The fields of llama-server's `POST /infill`: those of a completion, but for what concerns several answers,
  /// log-probabilities and the prompt.
  static let infill = RequestFields(
    fields: completions.fields.filter { field in !infillFields.contains { $0.name == field.name } } + infillFields,
    options: [], required: ["input_prefix", "input_suffix"])

  private static let infillFields: [Field] =
    all(
      .read, "input_prefix", "input_suffix", "input_extra", "prompt", "samplers", "n_indent", "t_max_predict_ms",
      "add_special_tokens")
    // The time for the prompt, which is not cut short: it is what all of the answer is made from.
    + all(
      .ignored, "t_max_prompt_ms", "return_tokens_as_token_ids", "n_keep", "stream_options", "usage")
    + [
      ("n", .refused("More than one answer is", unless: [1])),
      ("n_cmpl", .refused("More than one answer is", unless: [1])),
      ("best_of", .refused("More than one answer is", unless: [1])),
      ("echo", .refused("A repetition of the prompt is", unless: [false])),
      ("suffix", .refused("A suffix beside input_suffix is", unless: [""])),
      ("prompt_logprobs", .refused("Log-probabilities are", unless: [false])),
      ("logprobs", .refused("Log-probabilities are", unless: [0])),
      ("options", .refused("Options of Ollama are", unless: [.object([:])])),
    ]
}
