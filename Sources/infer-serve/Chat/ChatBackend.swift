/// A part of an answer as it comes.
enum ChatPart: Sendable, Equatable {
  case reasoning(String)
  case content(String)
}

/// The cost of an answer, as far as it is known.
struct ChatCost: Sendable, Equatable {
  var promptTokens: Int?
  /// Tokens of the prompt that were known from before.
  var cachedTokens: Int?
  var answerTokens: Int?
  /// `true` when the answer was cut off by its length.
  var isCutOff = false
}

/// The side of a chat that answers: a model in this process, or a server.
protocol ChatBackend: Sendable {
  /// The name of the model that answers.
  var modelName: String { get }

  /// Answers a question.
  ///
  /// - Parameters:
  ///   - question: The message of the user.
  ///   - conversation: What was said before it.
  ///   - settings: The way in which the answer is made.
  ///   - take: Takes the answer's parts in order.
  /// - Throws: `CancellationError` in a cancelled task, ``CommandFailure`` for all else.
  func answer(
    _ question: String, after conversation: Dialogue, _ settings: ChatSettings,
    _ take: (ChatPart) throws -> Void
  ) async throws -> ChatCost

  /// The names of the models that can answer.
  func modelNames() async throws -> [String]

  /// Has another model answer from now on.
  mutating func use(_ name: String) async throws

  func shutdown() async
}
