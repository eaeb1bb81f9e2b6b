internal import Foundation

/// A conversation with a model.
///
/// The session keeps the messages. Each answer's prompt begins as the one before, so that the engine's prefix cache has all
/// but what is new. A prompt whose answer fails or is cancelled leaves no trace in ``messages``.
///
/// ```swift
/// let engine = try Engine(try await Model.load(at: folder))
/// let session = try ChatSession(engine, instructions: "Answer in one sentence.")
/// print(try await session.respond(to: "Why is the sky blue?").content)
/// ```
public final class ChatSession: Sendable {
  /// The engine that answers.
  public let engine: Engine
  /// The functions that the model may call.
  public let tools: [Tool]
  /// The way in which answers are made unless a prompt has its own.
  public let options: ChatOptions
  let model: Model
  let template: ChatTemplate
  let text: ChatText
  private let state: Monitor<State>

  private struct State {
    var messages: [Message]
    var isResponding = false
  }

  /// Begins a conversation.
  ///
  /// - Parameters:
  ///   - engine: The engine of a loaded model.
  ///   - instructions: The text of a system message; `nil` for none.
  ///   - tools: The functions that the model may call.
  ///   - messages: Earlier messages, behind the instructions.
  ///   - options: The way in which answers are made.
  /// - Throws: `ModelError.unsuitable` for a model without tokenizer or chat template, ``ChatError`` for an engine without
  ///   a model and for tools that it cannot call.
  public init(
    _ engine: Engine, instructions: String? = nil, tools: [Tool] = [], messages: [Message] = [],
    options: ChatOptions = ChatOptions()
  ) throws {
    guard let model = engine.loadedModel else { throw ChatError.bareEngine }
    guard let tokenizer = model.tokenizer else { throw ModelError.unsuitable("\(model.name) has no tokenizer") }
    guard let template = model.chatTemplate else { throw ModelError.unsuitable("\(model.name) has no chat template") }
    if !tools.isEmpty { try Self.check(tools, template, model) }
    text = ChatText(tokenizer, model.outputFormat, constraints: model.constraints)
    self.model = model
    self.template = template
    self.engine = engine
    self.tools = tools
    self.options = options
    state = Monitor(State(messages: (instructions.map { [Message(.system, $0)] } ?? []) + messages))
  }

  /// The messages so far, the instructions among them.
  public var messages: [Message] { state.withLock { $0.messages } }

  /// Answers a prompt.
  ///
  /// - Parameters:
  ///   - prompt: The user's message.
  ///   - language: The language that the answer is in behind the reasoning: a regular expression, some texts, a grammar, or
  ///     JSON by a schema; `nil` for any text. The model does not see it: the prompt says what is asked for.
  ///   - options: The way in which the answer is made; `nil` for the session's.
  /// - Throws: ``ChatError``, `ConstraintError` for a language that cannot be held, `TemplateError` when the chat template
  ///   refuses the conversation, `RequestError` when it does not fit the context or the engine is busy, `CancellationError`.
  public func respond(
    to prompt: String, in language: Constraint.Language? = nil, options: ChatOptions? = nil
  ) async throws -> ChatResponse {
    try await ChatTurn(self, prompt, options ?? self.options, in: language).response()
  }

  /// Answers a prompt with a value. The answer is held to the JSON Schema of its type, so that it can be decoded unless it is
  /// cut off.
  ///
  /// - Parameters:
  ///   - prompt: The user's message. The model does not see the schema: the prompt says what is asked for.
  ///   - type: The type of the value.
  ///   - options: The way in which the answer is made; `nil` for the session's.
  /// - Throws: ``SchemaError`` for a type that cannot be described, ``ChatError/undecodable(type:answer:reason:)`` for an
  ///   answer that was cut off, and as ``respond(to:in:options:)``.
  public func respond<Answer: Decodable>(
    to prompt: String, as type: Answer.Type, options: ChatOptions? = nil
  ) async throws -> Answer {
    let schema = try JSONSchema(describing: type)
    var answer: Answer?
    let turn = ChatTurn(self, prompt, options ?? self.options, in: .schema(schema.json)) { response in
      answer = try response.decoded(as: type)
    }
    _ = try await turn.response()
    guard let answer else { throw CancellationError() }
    return answer
  }

  /// Answers a prompt, step by step. Nothing happens before the sequence is iterated; when the iteration is left, the
  /// answer is cancelled.
  ///
  /// - Parameters:
  ///   - prompt: The user's message.
  ///   - language: The language that the answer is in, as in ``respond(to:in:options:)``.
  ///   - options: The way in which the answer is made; `nil` for the session's.
  public func stream(
    _ prompt: String, in language: Constraint.Language? = nil, options: ChatOptions? = nil
  ) -> ChatStream {
    ChatStream(session: self, prompt: prompt, options: options ?? self.options, language: language) { _ in }
  }

  /// Answers a prompt with a value, step by step: ``ChatResponse/decoded(as:)`` of the last event is the value.
  ///
  /// - Parameters:
  ///   - prompt: The user's message. The model does not see the schema: the prompt says what is asked for.
  ///   - type: The type of the value.
  ///   - options: The way in which the answer is made; `nil` for the session's.
  /// - Throws: ``SchemaError`` for a type that cannot be described.
  public func stream<Answer: Decodable & SendableMetatype>(
    _ prompt: String, as type: Answer.Type, options: ChatOptions? = nil
  ) throws -> ChatStream {
    let schema = try JSONSchema(describing: type)
    return ChatStream(
      session: self, prompt: prompt, options: options ?? self.options, language: .schema(schema.json)
    ) { response in _ = try response.decoded(as: type) }
  }

  /// Begins an answer, and returns the messages before it.
  func begin() throws(ChatError) -> [Message] {
    try state.withLock { state throws(ChatError) in
      if state.isResponding { throw .busy }
      state.isResponding = true
      return state.messages
    }
  }

  /// Ends an answer, after which these are the messages; `nil` for the same as before.
  func end(_ messages: [Message]?) {
    state.withLock { state in
      state.isResponding = false
      if let messages { state.messages = messages }
    }
  }
}

/// An answer of a ``ChatSession`` as a sequence of events, which ends with ``ChatEvent/finished(_:)``.
public struct ChatStream: AsyncSequence, Sendable {
  let session: ChatSession
  let prompt: String
  let options: ChatOptions
  let language: Constraint.Language?
  let check: @Sendable (ChatResponse) throws -> Void

  /// Begins the answer.
  public func makeAsyncIterator() -> Iterator {
    Iterator(turn: ChatTurn(session, prompt, options, in: language, check: check))
  }

  /// Iterates over the events of an answer.
  public struct Iterator: AsyncIteratorProtocol {
    let turn: ChatTurn

    /// The next event; `nil` after the end.
    ///
    /// - Throws: As ``ChatSession/respond(to:in:options:)``.
    public mutating func next(isolation actor: isolated (any Actor)? = #isolation) async throws -> ChatEvent? {
      try await turn.next(isolation: actor)
    }
  }
}
