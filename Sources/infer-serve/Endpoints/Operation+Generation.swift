import InferText

/// Operations that generate, and those of the same APIs.
extension Operation {
  static let chat = generating(
    "createChatCompletion", "Answers a conversation.", openAI, .chat, ChatResponse.shape, ChatResponse.framing)
  static let completions = generating(
    "createCompletion", "Goes on with a text.", openAI, .completions, CompletionResponse.shape,
    CompletionResponse.framing)
  static let infill = generating(
    "infill", "Fills a gap in a file.", llama, .infill, InfillResponse.shape, InfillResponse.framing)
  static let messages = generating(
    "createMessage", "Answers a conversation.", anthropic, .messages, MessagesResponse.shape, MessagesResponse.framing)
  static let countMessages = reading(
    "countMessageTokens", "Counts a conversation's tokens.", anthropic, .messageCount,
    .object(["input_tokens": count]))
  static let ollamaChat = generating(
    "ollamaChat", "Answers a conversation.", ollama, .ollamaChat,
    OllamaResponse.shape(["message": .object(["role": .string, "content": .string, "thinking?": .string])]),
    OllamaResponse.framing)
  static let ollamaGenerate = generating(
    "ollamaGenerate", "Answers a text, goes on with it or fills its gap.", ollama, .ollamaGenerate,
    OllamaResponse.shape(["response": .string, "thinking?": .string]), OllamaResponse.framing)

  // MARK: Responses

  static let responses = generating(
    "createResponse", "Answers a conversation, and keeps the answer.", openAI, .responses, ResponsesResponse.shape,
    ResponsesResponse.framing)
  static let countInput = reading(
    "countInputTokens", "Counts a conversation's tokens.", openAI, .responses,
    .object(["object": .values(["response.input_tokens"]), "input_tokens": count]))
  static let retrieveResponse = Operation(
    id: "getResponse", summary: "Tells a response that was kept.", group: openAI,
    parameters: [
      responseID,
      query("stream", .choice(["true", "false"]), "Events instead, of a response that was made with them."),
      query("starting_after", .integer(0 ... .max - 1), "The number of the event after which they begin."),
    ], answer: .json(ResponsesResponse.shape), framing: ResponsesResponse.framing, statuses: [404])
  static let deleteResponse = Operation(
    id: "deleteResponse", summary: "Forgets a response.", group: openAI, parameters: [responseID],
    answer: .json(.object(["id": .string, "object": .values(["response"]), "deleted": .values([true])])),
    statuses: [404])
  static let cancelResponse = Operation(
    id: "cancelResponse", summary: "Ends a response in the background.", group: openAI, parameters: [responseID],
    answer: .json(ResponsesResponse.shape), statuses: [404])
  static let inputItems = Operation(
    id: "listInputItems", summary: "Lists the items that a response answers.", group: openAI,
    parameters: [
      responseID, query("order", .choice(["asc", "desc"]), "The order; the last one first by default."),
      query("limit", .integer(1...100), "The maximum number of items; 20 by default."),
      query("after", .string, "The id of the item after which the list begins."),
    ], answer: .json(ItemPage.shape), statuses: [404])

  private static let responseID = path("id", "The response's id.")

  // MARK: Groups

  static let openAI = "OpenAI"
  static let anthropic = "Anthropic"
  static let ollama = "Ollama"
  static let llama = "llama-server"
  static let vllm = "vLLM"
  static let server = "Server"

  static let count = JSONShape.integer(0 ... .max)
}
