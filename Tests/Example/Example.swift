import Foundation
import InferKit

/// Asks the model in `folder` one question and prints the answer as it comes.
func example(_ folder: URL) async throws -> String {
  let model = try await Model.load(at: folder)
  let session = try ChatSession(try Engine(model))
  var answer = ""
  for try await event in session.stream("What is 47 + 85?") {
    guard case .content(let text) = event else { continue }
    answer += text
    print(text, terminator: "")
  }
  return answer
}
