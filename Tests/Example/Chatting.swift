import InferKit

/// Asks two questions, of which the second is about the first answer.
func chatting(_ engine: Engine) async throws -> [Message] {
  var options = ChatOptions()
  options.sampling = .greedy
  options.stop = try StopConditions(maxTokens: 200)
  let session = try ChatSession(engine, instructions: "You solve sums.", options: options)

  let first = try await session.respond(to: "What is 47 + 85?")
  print(first.reasoning ?? "", first.content)

  let second = try await session.respond(to: "And what is 12 + 30?")
  print("\(second.statistics.cachedTokens) of \(second.statistics.promptTokens) tokens were known")
  return session.messages
}
