internal import Foundation

/// The constraints on answers that were asked for lately, made for a model's vocabulary.
///
/// A constraint is made on the thread that asks for it first. Others that ask for the same one wait for it, and nobody else
/// does.
package final class ConstraintCache: @unchecked Sendable {
  // Safe because the lock is held wherever a member that changes is used.
  private let lock = NSLock()
  private let tokenizer: Tokenizer
  private let format: OutputFormat
  private let vocabulary = Once<MaskVocabulary>()
  /// Constraints by the key of their language, the last used last.
  private var constraints: [(key: [UInt8], constraint: Once<Constraint>)] = []

  private static let maxCount = 64
  /// The number of bytes that a schema, an expression, a grammar or choices may have as JSON, and tools.
  private static let maxBytes = 1 << 20

  /// The cache of a model, whose vocabulary is read when the first constraint is asked for.
  ///
  /// - Parameters:
  ///   - tokenizer: The model's tokenizer.
  ///   - format: The makeup of the model's answers.
  package init(_ tokenizer: Tokenizer, _ format: OutputFormat) {
    self.tokenizer = tokenizer
    self.format = format
  }

  /// An answer under a constraint; `nil` where nothing is asked for.
  ///
  /// - Parameters:
  ///   - language: The language that content is to be in; `nil` for any.
  ///   - calls: The calls of tools that the answer may be instead. Where the model's calls cannot be found they are not held,
  ///     and so there may be no demand for one, and no language of a text.
  ///   - prompt: The rendered prompt, behind which the model may reason first; `nil` for an answer that is all content.
  /// - Throws: ``ConstraintError`` for a language, or rules of calls, that cannot be held or are too long.
  package func answer(
    _ language: Constraint.Language?, calls: CallRules? = nil, prompt: String? = nil
  ) throws(ConstraintError) -> ConstrainedAnswer? {
    if let calls, !format.takesCalls, calls.demand != .none || !calls.texts.isEmpty {
      throw ConstraintError(
        calls.demand == .none ? .calls : .demand, reason: "calls cannot be held where none are looked for")
    }
    let calls = format.takesCalls ? calls : nil
    let make: (MaskVocabulary) throws(ConstraintError) -> Constraint
    switch (language, calls) {
    case (nil, nil): return nil
    case (let language?, nil):
      make = { [format] vocabulary throws(ConstraintError) in
        try Constraint(language, format: format, for: vocabulary)
      }
    case (let language, let calls?):
      make = { [format] vocabulary throws(ConstraintError) in
        try Constraint(content: language, calls: calls, format: format, for: vocabulary)
      }
    }
    let parts = (language: language?.key ?? [], calls: calls?.key ?? [])
    let key = parts.language + parts.calls
    guard key.count <= Self.maxBytes else {
      throw ConstraintError(
        parts.calls.count > parts.language.count ? .calls : .content,
        reason: "it has \(key.count) bytes; at most \(Self.maxBytes) are taken")
    }
    let vocabulary = try vocabulary.value { () throws(ConstraintError) in MaskVocabulary(tokenizer, format: format) }
    let constraint = try entry(key).value { () throws(ConstraintError) in
      let constraint = try make(vocabulary)
      try constraint.start()
      return constraint
    }
    return ConstrainedAnswer(
      constraint, for: vocabulary, tokenizer: tokenizer, format: prompt == nil ? nil : format, prompt: prompt ?? "")
  }

  /// The place of a constraint, whether it was made or not.
  private func entry(_ key: [UInt8]) -> Once<Constraint> {
    lock.withLock {
      let known = constraints.firstIndex { $0.key == key }.map { constraints.remove(at: $0).constraint }
      // States are found text by text and are never given up, so that after many texts there is a new start.
      let entry = known.flatMap { $0.known?.isWorn ?? false ? nil : $0 } ?? Once<Constraint>()
      constraints.append((key, entry))
      if constraints.count > Self.maxCount { constraints.removeFirst() }
      return entry
    }
  }
}

/// A value that is made when it is first asked for; who asks for it meanwhile waits.
private final class Once<Value: Sendable>: @unchecked Sendable {
  // Safe because the lock is held wherever the value is used.
  private let lock = NSLock()
  private var made: Value?

  /// The value, if it was made and nobody makes it now.
  var known: Value? {
    guard lock.try() else { return nil }
    defer { lock.unlock() }
    return made
  }

  /// The value. One that could not be made is tried again by the next who asks.
  func value(_ make: () throws(ConstraintError) -> Value) throws(ConstraintError) -> Value {
    lock.lock()
    defer { lock.unlock() }
    if let made { return made }
    let value = try make()
    made = value
    return value
  }
}

extension Constraint.Language {
  /// The same for languages that are the same, and for no others.
  fileprivate var key: [UInt8] { Array(keyValue.serialized().utf8) }

  fileprivate var keyValue: JSONValue {
    switch self {
    case .schema(let schema, let whiteSpace): ["schema": schema, "whiteSpace": .string(whiteSpace.rawValue)]
    case .regex(let text): ["regex": .string(text)]
    case .choice(let texts): ["choice": .array(texts.map(JSONValue.string))]
    case .grammar(let text, let syntax): [syntax?.rawValue ?? "grammar": .string(text)]
    }
  }
}

extension CallRules {
  /// The same for rules that are the same, and for no others.
  fileprivate var key: [UInt8] {
    let demand: JSONValue =
      switch demand {
      case .none: false
      case .any: true
      case .function(let name): .string(name)
      }
    let texts = texts.map { JSONValue.array([.string($0.key), $0.value.keyValue]) }
    let value: JSONValue = ["calls": [tools, .array(texts), .bool(allowsSeveral), demand]]
    return Array(value.serialized().utf8)
  }
}
