import HybridBlocks
import InferCore
import TestSupport
import Testing

/// Asks the model in `folder` one question and prints the answer as it comes.
func example(_ folder: String) async throws -> String {
  let loaded = try loadModel(at: folder)
  guard let tokenizer = loaded.tokenizer, let template = loaded.chatTemplate else { return "" }

  var configuration = EngineConfiguration()
  configuration.endTokens = loaded.generation.endTokens
  let engine = try Engine(model: loaded.model, configuration: configuration)

  let prompt = try template.render(messages: [["role": "user", "content": "What is 47 + 85?"]])
  let request = GenerationRequest(prompt: try tokenizer.encode(prompt), sampling: .greedy)
  var answer = ""
  for await event in try engine.submitText(request, tokenizer: tokenizer) {
    switch event {
    case .promptScores: break  // only for requests that ask for them
    case .piece(let piece):
      answer += piece.text
      print(piece.text, terminator: "")
    case .finished(let reason, let statistics):
      print("\n\(reason): \(statistics.generatedTokens) tokens in \(statistics.totalTime)")
    }
  }
  await engine.shutdown()
  return answer
}
