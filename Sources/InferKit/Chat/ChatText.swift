/// The texts of a model that chats: how prompts become tokens, and how answers are held and taken apart.
package struct ChatText: Sendable {
  /// The model's tokenizer.
  package let tokenizer: Tokenizer
  /// The marks of reasoning and calls of tools in answers.
  package let format: OutputFormat
  /// The constraints on answers that were asked for.
  package let constraints: ConstraintCache
  /// `true` when names of special tokens in messages are those tokens.
  package let allowsSpecialInMessages: Bool

  /// - Parameter constraints: Those of this tokenizer and format; `nil` for a cache of its own.
  package init(
    _ tokenizer: Tokenizer, _ format: OutputFormat, constraints: ConstraintCache? = nil,
    allowsSpecialInMessages: Bool = false
  ) {
    self.tokenizer = tokenizer
    self.format = format
    self.constraints = constraints ?? ConstraintCache(tokenizer, format)
    self.allowsSpecialInMessages = allowsSpecialInMessages
  }

  /// The tokens of a prompt.
  package func tokens(of prompt: ChatPrompt) throws(TokenizerError) -> ChatTokens {
    try tokenizer.tokens(of: prompt, allowingSpecialInMessages: allowsSpecialInMessages)
  }
}
