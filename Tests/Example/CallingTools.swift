import InferKit

/// Lets the model add numbers with a Swift function.
func callingTools(_ engine: Engine) async throws -> String {
  struct Sum: Codable {
    let first: Int
    let second: Int
  }
  let add = try Tool("add", "Adds two numbers.", parameterDescriptions: ["first": "The number to add to."]) {
    (sum: Sum) in
    sum.first + sum.second
  }
  let session = try ChatSession(engine, tools: [add])
  for try await event in session.stream("What is 47 + 85?") {
    switch event {
    case .toolCall(let call): print("calls \(call.name)")
    case .toolResult(let call, let result): print("\(call.name) gives \(result)")
    case .finished(let response): return response.content
    case .reasoning, .content: break
    }
  }
  return ""
}
