import Foundation
public import InferCore
public import InferText

/// A scorer of how well documents answer queries: a prompt that asks the model for its judgement, and the direction in which
/// the last token's hidden state tells it.
public struct RelevanceScorer: Sendable {
  /// The prompt around a query and a document.
  enum Prompt: Sendable {
    /// A text with the places `{instruction}`, which may be missing, `{query}` and `{document}`.
    case text(String)
    /// A chat template that takes messages of the roles `system`, for the instruction, `query` and `document`.
    case messages(ChatTemplate)
  }

  let prompt: Prompt
  /// Numbers whose product with the hidden state is the logarithm of the odds.
  let direction: [Float]

  /// The instruction of prompts that are given no other.
  public static let usualInstruction = "Given a web search query, retrieve relevant passages that answer the query"

  /// `true` when prompts may have an instruction of their own.
  public var takesInstructions: Bool {
    if case .text(let text) = prompt { text.utf8.firstRange(of: "{instruction}".utf8) != nil } else { true }
  }

  /// The prompt for a query and a document.
  ///
  /// - Parameters:
  ///   - query: The query.
  ///   - document: The document that is judged.
  ///   - instruction: The task that the document has to serve; `nil` for the usual one.
  /// - Throws: `TemplateError` when the model's chat template takes no such conversation.
  public func prompt(
    query: String, document: String, instruction: String? = nil
  ) throws(TemplateError) -> ChatPrompt {
    switch prompt {
    case .text(let text):
      return ChatPrompt(
        template: text,
        filling: [
          ("instruction", instruction ?? Self.usualInstruction), ("query", query), ("document", document),
        ])
    case .messages(let template):
      var messages: [JSONValue] = []
      if let instruction { messages.append(["role": "system", "content": .string(instruction)]) }
      messages.append(["role": "query", "content": .string(query)])
      messages.append(["role": "document", "content": .string(document)])
      return try template.prompt(messages: .array(messages))
    }
  }

  /// The probability that the document answers the query.
  ///
  /// - Parameter hidden: The hidden state of the prompt's last token, `LanguageModel.hiddenWidth` values.
  public func score(_ hidden: [Float]) -> Double {
    precondition(hidden.count == direction.count, "\(hidden.count) values of \(direction.count)")
    let logit = zip(direction, hidden).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    return 1 / (1 + exp(-logit))
  }
}

extension LoadedModel {
  /// The model as a judge that answers "yes" or "no", as Qwen3-Reranker does, whether or not its files say that it is one.
  ///
  /// - Throws: `ModelError.unsuitable` for a model whose tokenizer has no such tokens.
  public func judge() throws(ModelError) -> RelevanceScorer {
    guard let model = model as? HybridModel, let tokenizer else {
      throw .unsuitable("\(name) has no tokenizer, and judges nothing")
    }
    guard model.hasHead else { throw .unsuitable("\(name) has no head, and a judge answers with tokens") }
    var tokens: [Int32] = []
    for word in ["yes", "no"] {
      guard let token = tokenizer.id(for: word), token < Int32(model.vocabularySize) else {
        throw .unsuitable("the tokenizer of \(name) has no token '\(word)', and a judge answers with that")
      }
      tokens.append(token)
    }
    return RelevanceScorer(
      prompt: try .init(chatTemplate) { [name] in .unsuitable("\(name) is malformed: \($0)") },
      direction: model.direction(towards: tokens[0], from: tokens[1]))
  }
}
