import OrderedCollections

extension JinjaValue {
  /// Python's `str`: the text that a template prints.
  var text: String {
    switch self {
    case .undefined: ""
    case .string(let text), .markup(let text): text.text
    default: representation
    }
  }

  /// Python's `repr`: values inside of lists and dictionaries print so.
  var representation: String {
    switch self {
    case .undefined: "Undefined"
    case .none: "None"
    case .bool(let value): value ? "True" : "False"
    case .integer(let value): String(value)
    case .largeInteger(let value): value.description
    case .number(let value): value.pythonDescription
    case .string(let text): text.text.pythonRepresentation
    case .markup(let text): "Markup(\(text.text.pythonRepresentation))"
    case .list(let elements): "[" + elements.map(\.representation).joined(separator: ", ") + "]"
    case .tuple(let elements):
      "(" + elements.map(\.representation).joined(separator: ", ") + (elements.count == 1 ? ",)" : ")")
    case .dictionary(let members):
      "{" + members.map { "\($0.key.representation): \($0.value.representation)" }.joined(separator: ", ") + "}"
    case .view(.range(let start, let stop, let step), _):
      step == 1 ? "range(\(start), \(stop))" : "range(\(start), \(stop), \(step))"
    case .view(let view, let elements): "\(view.typeName)(\(JinjaValue.list(elements).representation))"
    case .iterator, .namespace, .macro, .loop: "<\(typeName)>"
    case .function(let function): "<function \(function.rawValue)>"
    case .method(let receiver, let name): "<built-in method \(name) of \(receiver.typeName) object>"
    }
  }

  /// The size of a value as work: values, and characters at a sixteenth. Stops counting at `limit`.
  ///
  /// Nesting counts as well: beyond 500 levels the answer is `limit`, since values that deep are not walked
  /// recursively.
  func size(upTo limit: Int, depth: Int = 0) -> Int {
    guard depth <= 500 else { return limit }
    var size = 1
    switch self {
    case .string(let text), .markup(let text): size += text.count / 16
    case .list(let elements), .tuple(let elements), .iterator(let elements), .view(_, let elements):
      for element in elements {
        guard size < limit else { break }
        size += element.size(upTo: limit - size, depth: depth + 1)
      }
    case .dictionary(let members):
      for (key, value) in members {
        guard size < limit else { break }
        size += key.size(upTo: limit, depth: depth + 1) + value.size(upTo: limit - size, depth: depth + 1)
      }
    default: break
    }
    return min(size, limit)
  }

  /// Python's order of two values: numbers, strings, and lists or tuples by their first difference.
  func precedes(_ other: JinjaValue) throws(JinjaFailure) -> Bool {
    switch (self, other) {
    case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)):
      for (left, right) in zip(left, right) where left != right { return try left.precedes(right) }
      return left.count < right.count
    default:
      if let left = asString, let right = other.asString {
        return left.unicodeScalars.lexicographicallyPrecedes(right.unicodeScalars)
      }
      guard let left = JinjaNumber(self), let right = JinjaNumber(other) else {
        throw .reason("'<' not supported between instances of '\(typeName)' and '\(other.typeName)'")
      }
      return left < right
    }
  }

  /// Whether `element` is in this value.
  func contains(_ element: JinjaValue) throws(JinjaFailure) -> Bool {
    switch self {
    case .dictionary(let members):
      guard element.isHashable else { throw .reason("unhashable type: '\(element.typeName)'") }
      return members[element] != nil
    case .string(let text), .markup(let text):
      guard let part = element.asString else {
        throw .reason("'in <string>' requires string as left operand, not \(element.typeName)")
      }
      return text.text.containsExactly(part)
    default: return try elements().contains(element)
    }
  }
}
