import InferKit

/// The rules of state, wherever the blocks are from: answers do not depend on how a prompt is cut, on what else is computed,
/// and on what is kept.
struct Equivalences {
  let model: Model

  /// An answer with the log-probabilities of its tokens.
  struct Answer {
    var tokens: [Int32] = []
    var logprobs: [Float] = []
    /// The number of prompt tokens that were not computed.
    var cachedTokens = 0
  }

  /// A difference.
  struct Difference: Error, CustomStringConvertible {
    let description: String
  }

  /// Throws a ``Difference`` when one is found.
  func check() async throws {
    let prompts = [90, 7, 33, 61].map(Self.prompt)
    let whole = try await answers(prompts, atOnce: false)
    guard Set(whole.map(\.tokens)).count == prompts.count else {
      throw Difference(description: "prompts of all kinds are answered alike")
    }
    try compare(await answers(prompts, rows: 5, atOnce: false), whole, "in chunks")
    try compare(await answers(prompts, rows: 16, atOnce: true), whole, "in a batch")

    // The same again, one that goes on from the answer, and one that parts from it midway.
    let again = prompts[0] + whole[0].tokens + Self.prompt(20)
    let others = [prompts[0], again, Array(again.prefix(70)) + Self.prompt(9)]
    let cold = try await answers(others, atOnce: false)
    let warm = try await answers([prompts[0]] + others, keepsPrefixes: true, atOnce: false)
    try compare(Array(warm.dropFirst()), cold, "from kept state")
    guard warm[1].cachedTokens > 80, warm[2].cachedTokens > 90 else {
      throw Difference(description: "kept state is not used: \(warm.map(\.cachedTokens))")
    }
  }

  /// The answers to prompts, one after another or at once.
  private func answers(
    _ prompts: [[Int32]], rows: Int = 512, keepsPrefixes: Bool = false, atOnce: Bool
  ) async throws -> [Answer] {
    var configuration = EngineConfiguration()
    configuration.kvType = .f32
    configuration.keepsPrefixes = keepsPrefixes
    configuration.maxRunning = 4
    configuration.maxBatchTokens = rows
    let engine = try Engine(model: model, configuration: configuration)
    let stop = try StopConditions(maxTokens: 12, ignoresEndTokens: true)
    let requests = try prompts.map {
      try model.request(prompt: $0, sampling: SamplingParameters(temperature: 0, logprobs: 1), stop: stop)
    }
    var answers: [Answer] = []
    for group in atOnce ? [requests] : requests.map({ [$0] }) {
      for generation in try engine.submit(group) { answers.append(await Self.read(generation)) }
    }
    await engine.shutdown()
    return answers
  }

  private static func read(_ generation: Generation) async -> Answer {
    var answer = Answer()
    for await event in generation {
      switch event {
      case .token(let token):
        answer.tokens.append(token.id)
        answer.logprobs.append(token.logprobs?.chosen ?? .nan)
      case .finished(_, let statistics): answer.cachedTokens = statistics.cachedTokens
      default: break
      }
    }
    return answer
  }

  private func compare(_ found: [Answer], _ expected: [Answer], _ way: String) throws(Difference) {
    for (found, expected) in zip(found, expected) {
      let distance = zip(found.logprobs, expected.logprobs).reduce(0) { max($0, abs($1.0 - $1.1)) }
      guard found.tokens == expected.tokens, distance < 1e-3 else {
        throw Difference(
          description: "\(way) \(found.tokens), expected \(expected.tokens); log-probabilities differ by \(distance)")
      }
    }
  }

  private static func prompt(_ count: Int) -> [Int32] {
    (0..<Int32(count)).map { ($0 * 7 + Int32(count)) * 31 % 251 + 3 }
  }
}
