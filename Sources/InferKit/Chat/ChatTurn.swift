/// One answer under way: it is generated, and tools are called, as its events are asked for.
final class ChatTurn {
  /// The part of the answer that is at work.
  private enum Stage {
    case waiting
    case asking
    case generating(TextGeneration.Iterator)
    /// Calls that have not been made yet, in order.
    case calling(ArraySlice<ToolCall>)
    case over
  }

  private let session: ChatSession
  private let prompt: String
  private let options: ChatOptions
  private let language: Constraint.Language?
  private let check: (ChatResponse) throws -> Void
  private var stage = Stage.waiting
  /// All messages, those of this answer as far as they are there.
  private var messages: [Message] = []
  private var events: [ChatEvent] = []
  private var generation: TextGeneration?
  private var reader: ChatReader?
  /// The message of the model that is being generated.
  private var answer = Message(.assistant, "")
  private var openCall: (name: String, id: String?, arguments: String)?
  private var toolRounds = 0

  /// - Parameters:
  ///   - language: The language that the answer is in; `nil` for any text.
  ///   - check: A closure that refuses an answer by throwing, before it is one of the session's messages.
  init(
    _ session: ChatSession, _ prompt: String, _ options: ChatOptions, in language: Constraint.Language? = nil,
    check: @escaping (ChatResponse) throws -> Void = { _ in }
  ) {
    self.check = check
    self.session = session
    self.prompt = prompt
    self.options = options
    self.language = language
  }

  deinit {
    switch stage {
    case .waiting, .over: break
    case .asking, .generating, .calling: session.end(nil)
    }
  }

  /// The next event; `nil` after the end.
  func next(isolation actor: isolated (any Actor)?) async throws -> ChatEvent? {
    while events.isEmpty {
      if case .over = stage { return nil }
      if case .waiting = stage {
        messages = try session.begin() + [Message(.user, prompt)]
        stage = .asking
      }
      do { try await advance(isolation: actor) } catch {
        end(keeping: false)
        throw error
      }
    }
    return events.removeFirst()
  }

  /// The whole answer.
  func response(isolation actor: isolated (any Actor)? = #isolation) async throws -> ChatResponse {
    while let event = try await next(isolation: actor) {
      if case .finished(let response) = event { return response }
    }
    throw CancellationError()
  }

  /// - Throws: `CancellationError` in a cancelled task, also when the engine has answered already.
  private func advance(isolation actor: isolated (any Actor)?) async throws {
    try Task.checkCancellation()
    switch stage {
    case .waiting, .over: break
    case .asking: try ask()
    case .generating(var iterator):
      // Held here alone while it goes on, so that nothing is copied.
      stage = .asking
      let event = await iterator.next(isolation: actor)
      stage = .generating(iterator)
      switch event {
      case .piece(let piece):
        take(reader?.append(piece) ?? [])
        if reader?.isComplete ?? false { generation?.finish() }
      case .finished(let reason, let statistics): try finish(reason, statistics)
      case .promptScores, .pooled: break
      case nil: throw CancellationError()
      }
    case .calling(let calls):
      guard let call = calls.first else { return stage = .asking }
      let result = try await session.result(of: call)
      messages.append(Message(.tool, result, answering: call))
      events.append(.toolResult(call, result))
      stage = .calling(calls.dropFirst())
    }
  }

  /// Has the engine answer the messages so far.
  private func ask() throws {
    let (request, prepared) = try session.request(messages, options, in: language)
    let generation = TextGeneration(
      try session.engine.submit(request), stop: request.stop, tokenizer: session.text.tokenizer,
      keeping: prepared.visibleTokens)
    self.generation = generation
    reader = ChatReader(prepared.parser(), stop: options.stop)
    answer = Message(.assistant, "")
    openCall = nil
    stage = .generating(generation.makeAsyncIterator())
  }

  private func take(_ parts: [ChatReader.Part]) {
    for part in parts {
      switch part.piece {
      case .reasoning(let text):
        if answer.reasoning?.append(text) == nil { answer.reasoning = text }
        events.append(.reasoning(text))
      case .content(let text):
        answer.content += text
        if !text.isEmpty { events.append(.content(text)) }
      case .call(let name, let id): openCall = (name, id, "")
      case .arguments(let text): openCall?.arguments += text
      case .callEnd:
        guard let open = openCall else { break }
        openCall = nil
        let arguments = (try? JSONValue(parsing: open.arguments)) ?? .string(open.arguments)
        let call = ToolCall(
          id: open.id ?? ToolCall.makeID(session.text.format.toolCalls), name: open.name, arguments: arguments)
        answer.toolCalls.append(call)
        events.append(.toolCall(call))
      }
    }
  }

  private func finish(_ reason: FinishReason, _ statistics: GenerationStatistics) throws {
    switch reason {
    case .stop, .length: break
    case .cancelled: throw CancellationError()
    case .shutdown, .unread, .error, .notFinite, .constraintFull, .deadEnd: throw ChatError.ended(reason)
    }
    take(reader?.finish() ?? [])
    let (reason, statistics) = reader?.end(reason, statistics) ?? (reason, statistics)
    messages.append(answer)
    guard answer.toolCalls.isEmpty else {
      toolRounds += 1
      guard toolRounds <= options.maxToolRounds else { throw ChatError.tooManyToolRounds(limit: options.maxToolRounds) }
      return stage = .calling(answer.toolCalls[...])
    }
    let response = ChatResponse(
      content: answer.content, reasoning: answer.reasoning, finishReason: reason, statistics: statistics)
    try check(response)
    events.append(.finished(response))
    end(keeping: true)
  }

  private func end(keeping: Bool) {
    session.end(keeping ? messages : nil)
    stage = .over
  }
}

extension ChatSession {
  /// The result of a call, as the model is told it.
  fileprivate func result(of call: ToolCall) async throws -> String {
    guard let tool = tools.first(where: { $0.name.isExactly(call.name) }) else {
      return "error: there is no tool \"\(call.name)\"; there are \(tools.map(\.name).joined(separator: ", "))"
    }
    return try await tool.result(of: call)
  }
}
