import InferCore
import InferText

extension RequestFields {
  /// Fields of conversations.
  static let chatShapes: KeyValuePairs<String, JSONShape> = [
    "messages": .described(
      .array(message, count: 1...RequestBounds.messages), "The conversation, oldest message first."),
    "tools": .described(
      .array(.object([]), atMost: RequestBounds.tools), "The functions and custom tools that the answer may call."),
    "tool_choice": .described(
      .either([.choice(["none", "auto", "required"]), .object([])]),
      "Whether functions are called, or the function that has to be called."),
    "parallel_tool_calls": .described(.boolean, "Whether an answer may have several calls; true by default."),
    "functions": .described(
      .array(.object(["name": .string]), atMost: RequestBounds.tools), "The older form of tools."),
    "function_call": .described(.either([.choice(["none", "auto"]), .object([])]), "The older form of tool_choice."),
    "chat_template_kwargs": .described(
      .object([]), "Variables of the chat template; at most \(RequestBounds.templateVariables)."),
    "add_generation_prompt": .described(.boolean, "Whether the template opens the assistant's turn; true by default."),
    "continue_final_message": .described(.boolean, "Whether the answer goes on with the last message."),
    "documents": .described(.array(.object([])), "Documents for templates that quote them."),
    "modalities": .described(.values([["text"]]), "The kinds of output: text."),
    "system": .described(.string, "The system prompt."),
    "suffix": .described(.string, "The text behind the gap that the answer fills."),
    "raw": .described(.boolean, "Whether the prompt goes to the model without the chat template."),
    "add_special_tokens": .described(
      .boolean, "Whether the prompt gets the special tokens that the tokenizer puts around a text."),
    "prompt": .described(.string, "The text that the answer goes on with."),
    "input_prefix": .described(.string, "The text before the gap."),
    "input_suffix": .described(.string, "The text behind the gap."),
    "input_extra": .described(
      .array(.object(["filename?": .string.orNull, "text": .string]), atMost: RequestBounds.files),
      "Other files of the project."),
  ]

  /// Fields of reasoning.
  static let reasoningShapes: KeyValuePairs<String, JSONShape> = [
    "reasoning_effort": .described(.string, "How hard the model thinks, for templates that know efforts."),
    "reasoning": .described(
      .object([
        "effort?": .string.orNull, "enabled?": .boolean.orNull, "exclude?": .boolean.orNull,
        "max_tokens?": .null,
      ]), "Reasoning as OpenRouter's API has it."),
    "enable_thinking": .described(.boolean, "Whether the model thinks first."),
    "thinking": .described(
      .either([.boolean, .object(["type": .choice(ReasoningFields.thinkingTypes), "budget_tokens?": .null])]),
      "Whether the model thinks first."),
    "think": .described(.either([.boolean, .string]), "Whether the model thinks first, or how hard."),
    "include_reasoning": .described(.boolean, "Whether reasoning is told; true by default."),
    "separate_reasoning": .described(.boolean, "Whether reasoning stands beside the content; true by default."),
    "verbosity": .described(
      .choice(ReasoningFields.verbosities), "How long answers are, for templates that know the word."),
    "reasoning_format": .described(
      .choice(ReasoningFields.formats), "'none' leaves reasoning in the content."),
  ]

  /// A message of chat completions.
  private static let message: JSONShape = .object([
    "role": .choice(ChatMessages.roles), "content?": .either([.string, .array(.any), .null]),
    "reasoning_content?": .string.orNull, "name?": .string.orNull, "tool_call_id?": .string.orNull,
    "tool_calls?": .array(.object([])).orNull,
  ])

  /// Shapes of `POST /v1/completions` where they differ.
  static let completionShapes: [String: JSONShape] = [
    "prompt": .described(
      .either([.string, .array(.either([tokenID, .string, .array(tokenID)]), count: 1 ... .max)]),
      "The text that the answer goes on with, its tokens, or an array of either."),
    "max_tokens": .described(
      .integer(0 ... .max, or: [-1]),
      "The maximum number of tokens of the answer; -1 for as many as there is room for, "
        + "\(CompletionRequest.defaultMaxTokens) by default."),
    "logprobs": .described(
      .integer(0...SamplingFields.maximumLogprobs), "The number of likely tokens told beside each token."),
  ]

  /// Shapes of `POST /v1/messages` where they differ.
  static let messagesShapes: [String: JSONShape] = [
    "messages": .described(
      .array(
        .object(["role": .string, "content": .either([.string, .array(.any)])]), count: 1...RequestBounds.messages),
      "The conversation, oldest message first."),
    "system": .described(.either([.string, .array(.object([]))]), "The system prompt."),
    "thinking": .described(
      .object(["type": .choice(["enabled", "disabled", "adaptive"])]), "Whether the model thinks first."),
    "tool_choice": .described(.object(["type": .string]), "Which tools the answer calls."),
    "metadata": .described(.object(["user_id?": .string.orNull]), "The client."),
    "output_config": .described(.object(["effort?": .string.orNull]), "How hard the model thinks."),
    "context_management": .described(
      .object(["edits?": .array(.object(["type": .string])).orNull]), "Edits of earlier reasoning."),
    "cache_control": .described(.object([]), "Whether state is kept for other requests."),
  ]

  /// Shapes of `POST /v1/responses` where they differ.
  static let responsesShapes: [String: JSONShape] = [
    "input": .described(
      .either([.string, .array(.object([]), count: 1...RequestBounds.messages)]), "The text or the items."),
    "instructions": .described(.string, "The system prompt."),
    "text": .described(.object(["format?": .object(["type": .string]).orNull]), "The form of the answer's text."),
    "reasoning": .described(
      .object(["effort?": .string.orNull, "summary?": .choice(ResponsesRequest.summaries).orNull]),
      "How hard the model thinks, and what it tells of that."),
    "include": .described(.array(.choice(ResponsesRequest.includable)), "What the response tells beside."),
    "max_tool_calls": .described(.integer(1 ... .max), "The maximum number of calls of hosted tools."),
    "metadata": .described(.map(.string), "At most 16 notes, told with the response."),
    "store": .described(.boolean, "Whether the response can be asked for later; true by default."),
    "service_tier": .described(.string, "Told with the response."),
    "prompt_cache_key": .described(.string, "Told with the response."),
    "previous_response_id": .described(.string, "The response that the input goes on with."),
    "background": .described(.boolean, "Whether the response is made without its client."),
    "truncation": .described(
      .choice(ResponsesRequest.truncations.map(\.key)), "Whether a conversation that is too long is shortened."),
  ]

  /// Shapes of Ollama's endpoints where they differ.
  static let ollamaShapes: [String: JSONShape] = [
    "messages": .described(.array(message, atMost: RequestBounds.messages), "The conversation, oldest message first."),
    "stream": .described(.boolean, "Whether the answer comes as it is made; true by default."),
    "max_tokens": .described(
      .integer(-2 ... .max),
      "The maximum number of tokens of the answer; 0, -1 and -2 for as many as there is room for."),
    "keep_alive": stayTime,
  ]

  /// How long a model stays.
  static let stayTime = JSONShape.described(
    .either([.number, .string]),
    "How long the model stays in memory after the request: seconds, or a duration like 5m; below 0 for ever.")
}
