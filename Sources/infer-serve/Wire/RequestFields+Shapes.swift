import InferCore
import InferText

extension RequestFields {
  /// The shapes and descriptions of fields that mean the same wherever they are read. ``FieldReader`` takes the bounds and
  /// choices of numbers and strings from here.
  static let commonShapes: [String: JSONShape] = shapes(of: [
    sampling, length, logprobs, scheduling, chatShapes, reasoningShapes, constraintShapes,
  ])

  static func shapes(of tables: [KeyValuePairs<String, JSONShape>]) -> [String: JSONShape] {
    var shapes: [String: JSONShape] = [:]
    for table in tables {
      for (name, shape) in table {
        precondition(shapes.updateValue(shape, forKey: name) == nil, "two shapes of the field \(name)")
      }
    }
    return shapes
  }

  private static let sampling: KeyValuePairs<String, JSONShape> = [
    "model": .described(
      .string,
      "The name of the model, or of an adapter, which also has its model's before it; the server's own if it is left out."
    ),
    "stream": .described(.boolean, "Whether the answer comes as it is made."),
    "temperature": .described(
      .number(SamplingParameters.temperatures), "The number that divides the logits; 0 takes the most likely token."),
    "top_k": .described(
      .integer(-1 ... .max), "The number of most likely tokens to choose from; 0 or -1 for all."),
    "top_p": .described(
      .number(SamplingParameters.fractions), "The sum of probabilities of the most likely tokens to choose from."),
    "min_p": .described(
      .number(SamplingParameters.fractions),
      "The least probability of tokens to choose from, as a fraction of the most likely one's."),
    "repetition_penalty": .described(
      .number(SamplingParameters.repetitionPenalties),
      "The number that divides the logits of tokens in prompt and answer."),
    "repeat_last_n": .described(
      .integer(-1 ... .max), "The tokens that penalties heed: -1 for the whole context, 0 for no penalties."),
    "presence_penalty": .described(
      .number(SamplingParameters.penalties), "The number subtracted from the logits of tokens in the answer."),
    "frequency_penalty": .described(
      .number(SamplingParameters.penalties),
      "The number subtracted from the logits of tokens in the answer, once for each time."),
    "logit_bias": .described(
      .either([.object([]), .array(.array(.any, count: 2...2), atMost: RequestBounds.biases)]),
      "Numbers from -100 to 100 that are added to the logits of tokens, by token id; false bans a token."),
    "seed": .described(.integer, "The seed of random numbers; -1 for none."),
    "n": .described(.integer(1...SamplingFields.maximumChoices), "The number of answers."),
    "best_of": .described(
      .integer(1...SamplingFields.maximumChoices), "The number of answers of which the n most likely ones are told."),
    "samplers": .described(.array(.string), "The ways to choose tokens, in the order in which they act."),
  ]

  private static let length: KeyValuePairs<String, JSONShape> = [
    "max_tokens": .described(
      .integer(1 ... .max, or: [-1]), "The maximum number of tokens of the answer; -1 for as many as there is room for."
    ),
    "max_completion_tokens": .described(
      .integer(1 ... .max, or: [-1]), "The maximum number of tokens of the answer; goes before max_tokens."),
    "max_output_tokens": .described(
      .integer(1 ... .max, or: [-1]), "The maximum number of tokens of the answer; -1 for as many as there is room for."
    ),
    "min_tokens": .described(.integer(0 ... .max), "The number of tokens before which nothing ends the answer."),
    "stop": .described(
      .either([.string, .array(.string)]),
      "Texts that end the answer, each of at most \(RequestBounds.stopStringBytes) bytes."),
    "stop_token_ids": .described(
      .array(tokenID, atMost: RequestBounds.stopTokens), "Tokens that end the answer."),
    "ignore_eos": .described(.boolean, "Whether the model's own end tokens do not end the answer."),
    "include_stop_str_in_output": .described(.boolean, "Whether the text that ended the answer is a part of it."),
    "skip_special_tokens": .described(.boolean, "Whether special tokens of the answer have no text; true by default."),
    "n_indent": .described(
      .integer(0 ... .max), "The white space at the beginning of lines, below which the answer ends."),
    "t_max_predict_ms": .described(
      .integer(-1...604_800_000), "The milliseconds after which a first line is enough; 0 or -1 for no limit."),
    "n_keep": .described(
      .integer(-1 ... .max), "The first tokens that a shortened prompt keeps; -1 for all of them."),
    "num_ctx": .described(.integer(1 ... .max), "The maximum number of tokens of prompt and answer together."),
    "overflow": .described(
      .choice(Overflow.allCases.map(\.rawValue)),
      "The treatment of a prompt that leaves no room: an error, or the oldest part is left out."),
    "truncate": .described(.boolean, "Whether a conversation that is too long is shortened; true by default."),
  ]

  private static let logprobs: KeyValuePairs<String, JSONShape> = [
    "logprobs": .described(.boolean, "Whether log-probabilities of the answer's tokens are told."),
    "top_logprobs": .described(
      .integer(0...SamplingFields.maximumLogprobs), "The number of likely tokens told beside each token."),
    "n_probs": .described(
      .integer(0...SamplingFields.maximumLogprobs), "logprobs and top_logprobs in one, as llama-server has it."),
    "prompt_logprobs": .described(
      .either([.integer(0...SamplingFields.maximumLogprobs), .values([false])]),
      "The number of likely tokens told beside each token of the prompt; not beside stream."),
    "return_tokens_as_token_ids": .described(.boolean, "Whether tokens are called token_id:NUMBER."),
    "echo": .described(.boolean, "Whether the prompt stands before the answer."),
  ]

  private static let scheduling: KeyValuePairs<String, JSONShape> = [
    "stream_options": .described(
      .object(["include_usage?": .boolean.orNull, "continuous_usage_stats?": .values([false, .null])]),
      "What a stream tells; only beside stream."),
    "usage": .described(
      .object(["include?": .boolean.orNull]), "Whether a stream tells the usage, as OpenRouter has it."),
    "options": .described(.object([]), "Fields by the names that Ollama has for them: num_predict, repeat_penalty, …"),
    "cache_salt": .described(
      .string,
      "Requests share kept state with those of the same salt alone; at most \(SchedulingFields.maximumBytes) bytes."),
    "cache_prompt": .described(.boolean, "Whether state may be shared with other requests; true by default."),
    "session_id": .described(.string, "The session that the request belongs to, under whose name it can be saved."),
    "id_slot": .described(.integer(-1...Int(Int32.max)), "The session that the request belongs to, by its number."),
    "priority": .described(.integer(0...SchedulingFields.maximumPriority), "The urgency; lower numbers go first."),
    "user": .described(
      .string, "The client, for fairness between clients; at most \(SchedulingFields.maximumBytes) bytes."),
    "safety_identifier": .described(
      .string, "The client; goes before user. At most \(SchedulingFields.maximumBytes) bytes."),
    "timeout": .described(
      .number(.init(range: 0...SchedulingFields.maximumSeconds, isAboveLower: true)),
      "The seconds after which the request is given up."),
  ]

  /// A token's number.
  static let tokenID = JSONShape.integer(0...Int(Int32.max))
}
