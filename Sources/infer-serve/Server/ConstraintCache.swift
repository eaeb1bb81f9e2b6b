import Foundation
import InferText

/// The constraints that requests asked for lately, made for a model's vocabulary.
///
/// A constraint is made on the thread of the request that asks for it first, and never on the engine's. Others that ask for
/// the same one wait for it.
final class ConstraintCache: @unchecked Sendable {
  // Safe because the lock is held wherever a member is used.
  private let lock = NSLock()
  private let tokenizer: Tokenizer
  private var vocabulary: MaskVocabulary?
  /// Constraints by the key of their language, the last used last.
  private var constraints: [(key: [UInt8], constraint: Constraint)] = []

  private static let maxCount = 64
  /// The number of bytes that a schema, an expression, a grammar or choices may have as JSON.
  private static let maxBytes = 1 << 20

  init(_ tokenizer: Tokenizer) { self.tokenizer = tokenizer }

  /// An answer under the constraint that a field asks for.
  ///
  /// - Parameters:
  ///   - field: The field.
  ///   - format: The makeup of the model's answers; `nil` for an answer that is all content.
  ///   - prompt: The rendered prompt.
  ///   - mayCall: `true` when the answer may be calls of tools instead.
  func answer(
    _ field: ConstraintField, format: OutputFormat? = nil, prompt: String = "", mayCall: Bool = false
  ) throws(APIError) -> ConstrainedAnswer {
    let key = field.language.key
    guard key.count <= Self.maxBytes else {
      throw .invalid(
        field.field, "\(field.field) has \(key.count) bytes; at most \(Self.maxBytes) are taken.", code: "invalid_value"
      )
    }
    lock.lock()
    defer { lock.unlock() }
    let vocabulary = vocabulary ?? MaskVocabulary(tokenizer)
    self.vocabulary = vocabulary
    let constraint = try constraint(field, key, vocabulary)
    return ConstrainedAnswer(
      constraint, for: vocabulary, tokenizer: tokenizer, format: format, prompt: prompt, mayCall: mayCall)
  }

  private func constraint(
    _ field: ConstraintField, _ key: [UInt8], _ vocabulary: MaskVocabulary
  ) throws(APIError) -> Constraint {
    if let index = constraints.firstIndex(where: { $0.key == key }) {
      constraints.append(constraints.remove(at: index))
      return constraints[constraints.count - 1].constraint
    }
    let constraint: Constraint
    do {
      constraint = try Constraint(field.language, for: vocabulary)
    } catch {
      throw .invalid(field.field, "\(field.field) cannot be held: \(error.reason).", code: "invalid_value")
    }
    constraints.append((key, constraint))
    if constraints.count > Self.maxCount { constraints.removeFirst() }
    return constraint
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
