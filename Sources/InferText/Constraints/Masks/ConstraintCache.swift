internal import Foundation

/// The constraints on answers that were asked for lately, made for a model's vocabulary.
///
/// A constraint is made on the thread that asks for it first. Others that ask for the same one wait for it.
package final class ConstraintCache: @unchecked Sendable {
  // Safe because the lock is held wherever a member is used.
  private let lock = NSLock()
  private let tokenizer: Tokenizer
  private var vocabulary: MaskVocabulary?
  /// Constraints by the key of their language, the last used last.
  private var constraints: [(key: [UInt8], constraint: Constraint)] = []

  private static let maxCount = 64
  /// The number of bytes that a schema, an expression, a grammar or choices may have as JSON.
  private static let maxBytes = 1 << 20

  /// The cache of a tokenizer's vocabulary, which is read when the first constraint is asked for.
  package init(_ tokenizer: Tokenizer) { self.tokenizer = tokenizer }

  /// An answer under a constraint.
  ///
  /// - Parameters:
  ///   - language: The language that the answer is to be in.
  ///   - format: The makeup of the model's answers; `nil` for an answer that is all content.
  ///   - prompt: The rendered prompt.
  ///   - mayCall: `true` when the answer may be calls of tools instead.
  /// - Throws: ``ConstraintError`` for a language that cannot be held or is too long.
  package func answer(
    _ language: Constraint.Language, format: OutputFormat? = nil, prompt: String = "", mayCall: Bool = false
  ) throws(ConstraintError) -> ConstrainedAnswer {
    let key = language.key
    guard key.count <= Self.maxBytes else {
      throw ConstraintError(reason: "it has \(key.count) bytes; at most \(Self.maxBytes) are taken")
    }
    lock.lock()
    defer { lock.unlock() }
    let vocabulary = vocabulary ?? MaskVocabulary(tokenizer)
    self.vocabulary = vocabulary
    let constraint: Constraint
    if let index = constraints.firstIndex(where: { $0.key == key }) {
      constraint = constraints.remove(at: index).constraint
    } else {
      constraint = try Constraint(language, for: vocabulary)
    }
    constraints.append((key, constraint))
    if constraints.count > Self.maxCount { constraints.removeFirst() }
    return ConstrainedAnswer(
      constraint, for: vocabulary, tokenizer: tokenizer, format: format, prompt: prompt, mayCall: mayCall)
  }
}

extension Constraint.Language {
  /// The same for languages that are the same, and for no others.
  fileprivate var key: [UInt8] {
    let value: JSONValue =
      switch self {
      case .schema(let schema): ["schema": schema]
      case .regex(let text): ["regex": .string(text)]
      case .choice(let texts): ["choice": .array(texts.map(JSONValue.string))]
      case .grammar(let text, let syntax): [syntax?.rawValue ?? "grammar": .string(text)]
      }
    return Array(value.serialized().utf8)
  }
}
