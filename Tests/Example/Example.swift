import HybridBlocks
import InferCore

/// Asks the model in `folder` one question and prints the answer as it comes.
func example(_ folder: String) async throws -> String {
  let loaded = try loadModel(at: folder)
  let engine = try Engine(loaded)
  let request = try loaded.request(
    messages: [["role": "user", "content": "What is 47 + 85?"]], sampling: .greedy)

  let generation = try engine.submitText(request, of: loaded)
  var answer = ""
  for await case .piece(let piece) in generation {
    answer += piece.text
    print(piece.text, terminator: "")
  }
  let end = await generation.end
  print("\n\(end.reason): \(end.statistics.generatedTokens) tokens in \(end.statistics.totalTime)")
  return answer
}
