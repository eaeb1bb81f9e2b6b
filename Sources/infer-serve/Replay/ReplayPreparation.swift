import InferText
import NIOCore
import NIOHTTP1

/// Makes a server ready to be measured, and a workload ready to be sent.
struct ReplayPreparation {
  let client: ReplayClient
  let seed: UInt64
  var template: CompletionTemplate
  /// Counts tokens where the server can; without it, every word is taken to be one.
  private var tokenizer: ServerTokenizer?

  /// Finds out what the server serves and sends it one request, which no prompt of the workload shares anything with.
  ///
  /// - Parameters:
  ///   - model: The name to ask for; `nil` for the first that the server lists.
  ///   - patience: How long to wait for a server that is not there yet or still loads its model.
  init(
    _ client: ReplayClient, model: String?, template: CompletionTemplate, seed: UInt64, patience: Duration
  ) async throws {
    self.client = client
    self.template = template
    self.seed = seed
    let deadline = ContinuousClock.now + patience
    while true {
      do {
        self.template.model = if let model { model } else { try await firstModel() }
        try await probe()
        break
      } catch {
        let failure = error as? RequestFailure
        let isFinal = failure?.status.map { $0 != 503 && $0 != 429 } ?? (failure != nil)
        guard !isFinal, ContinuousClock.now < deadline else { throw CommandFailure(client.describe(error)) }
        try await Task.sleep(for: .milliseconds(250))
      }
    }
    tokenizer = await ServerTokenizer(client, model: self.template.model)
  }

  private func firstModel() async throws -> String {
    let answer = try await client.ask(.GET, "/v1/models")
    guard answer.status == 200, let json = try? JSONValue(parsing: answer.body) else {
      throw RequestFailure(
        status: answer.status,
        description: "the server answered \(answer.status) to /v1/models: \(ErrorBody.summary(answer.body))")
    }
    guard let name = json["data"]?[0]?["id"]?.string else {
      throw RequestFailure(description: "the server lists no model under /v1/models; name one with --model")
    }
    return name
  }

  private mutating func probe() async throws {
    do {
      try await sendProbe()
    } catch let error as RequestFailure where template.ignoresEnd && (error.status == 400 || error.status == 422) {
      template.ignoresEnd = false
      // Where that was not the matter, the server's first words are the ones to tell.
      do { try await sendProbe() } catch { throw error }
      note("infer-serve: the server refuses ignore_eos, so that answers may be shorter than asked for")
    }
  }

  private func sendProbe() async throws {
    let text = WordSupply(seed: ~seed).text([.unique(0, tokens: 4)])
    _ = try await client.complete(template.body(text: text, maxTokens: 2), epoch: .now()).outcome.get()
  }

  /// The sessions with their bodies.
  func prepare(_ sessions: [ReplaySession]) async -> [PreparedSession] {
    var supply = WordSupply(seed: seed)
    if sessions.contains(where: \.isSynthetic) {
      let calibrated = await tokenizer?.wordSupply(seed: seed)
      if calibrated == nil { note("infer-serve: the server counts no tokens: each word is taken to be one") }
      supply = calibrated ?? supply
    }
    var prepared: [PreparedSession] = []
    for session in sessions {
      var turns: [PreparedTurn] = []
      for turn in session.turns { turns.append(prepare(turn, supply, maxTokens: await tokens(turn.output))) }
      prepared.append(PreparedSession(arrival: session.arrival, turns: turns))
    }
    return prepared
  }

  private func prepare(_ turn: ReplayTurn, _ supply: WordSupply, maxTokens: Int) -> PreparedTurn {
    switch turn.prompt {
    case .pieces(let pieces):
      let body = template.body(text: supply.text(pieces), maxTokens: maxTokens)
      return PreparedTurn { _ in body }
    case .messages(let messages):
      return PreparedTurn(messages: messages) { [template] history in
        template.body(messages: history + messages, maxTokens: maxTokens)
      }
    }
  }

  private func tokens(_ length: ReplayTurn.Length) async -> Int {
    switch length {
    case .tokens(let count): return count
    case .text(let text, let scale):
      // About four letters of English are a token.
      let count = await tokenizer?.count(text) ?? text.utf8.count / 4
      return scaledLength(count, by: scale)
    }
  }
}

extension ReplaySession {
  /// Whether its prompts are made of words.
  fileprivate var isSynthetic: Bool {
    turns.contains { if case .pieces = $0.prompt { true } else { false } }
  }
}
