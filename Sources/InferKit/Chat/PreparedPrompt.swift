/// A chat that is ready to be answered: its prompt, and what its answers are held to and read by.
package struct PreparedPrompt: Sendable {
  /// The prompt.
  package let prompt: ChatPrompt
  private let text: ChatText
  private let calls: CallRules?
  private let answer: ConstrainedAnswer?

  /// Prepares the answers to a prompt.
  ///
  /// - Parameters:
  ///   - prompt: The prompt, whose end may have opened the reasoning.
  ///   - language: The language that content is to be in; `nil` for any.
  ///   - calls: The calls of tools that an answer may make; `nil` for none.
  ///   - text: The model's texts.
  /// - Throws: `ConstraintError` for a language, or rules of calls, that cannot be held.
  package init(
    _ prompt: ChatPrompt, _ language: Constraint.Language?, _ calls: CallRules?, _ text: ChatText
  ) throws(ConstraintError) {
    self.prompt = prompt
    self.text = text
    self.calls = calls
    answer = try text.constraints.answer(language, calls: calls, prompt: prompt.text)
  }

  /// Holds the answer to a request to what it may be.
  package func constrain(_ request: inout GenerationRequest) { request.constrain(by: answer) }

  /// The special tokens whose names belong to an answer's text.
  package var visibleTokens: Set<Int32> { text.format.markers(of: text.tokenizer, takesCalls: calls != nil) }

  /// The parser of an answer that has not begun.
  ///
  /// - Parameter takesReasoning: `true` when reasoning is told apart.
  package func parser(takesReasoning: Bool = true) -> OutputParser {
    var format = text.format
    if !takesReasoning { format.reasoning = .none }
    return OutputParser(
      format, prompt: prompt.text, tools: calls?.tools, demandsCalls: calls.map { $0.demand != .none } ?? false)
  }
}
