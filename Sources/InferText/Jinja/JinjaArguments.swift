/// Evaluated arguments of a call.
struct JinjaArguments {
  var positional: [JinjaValue] = []
  var named: TextDictionary<JinjaValue> = [:]
  /// Whether names were unpacked from a dictionary whose keys are not the template's.
  var namesAreFromOutside = false

  /// The arguments in the order of `names`, of which the first `required` must be given; nil for those left out.
  func bind(_ function: String, _ names: [String], required: Int = 0) throws(JinjaFailure) -> [JinjaValue?] {
    guard positional.count <= names.count else {
      throw .reason("\(function)() takes at most \(names.count) argument(s), but \(positional.count) were given")
    }
    if let unknown = named.keys.first(where: { !names.containsExactly($0) }) {
      throw .reason("\(function)() got an unexpected keyword argument '\(unknown)'")
    }
    var values: [JinjaValue?] = []
    for (index, name) in names.enumerated() {
      let value = index < positional.count ? positional[index] : named[name]
      if index < positional.count, named[name] != nil {
        throw .reason("\(function)() got two values for the argument '\(name)'")
      }
      guard value != nil || index >= required else {
        throw .reason("\(function)() is missing the argument '\(name)'")
      }
      values.append(value)
    }
    return values
  }
}

extension JinjaValue {
  /// An argument that has to be an integer: `fallback` where it is left out or none.
  ///
  /// - Parameters:
  ///   - argument: The argument; nil when it was left out.
  ///   - function: Whose it is, for errors.
  ///   - fallback: What it is by default.
  static func integer(
    _ argument: JinjaValue?, of function: String, default fallback: Int
  ) throws(JinjaFailure) -> Int {
    switch argument {
    case nil, .some(.none): return fallback
    case .undefined(let reason): throw .reason(reason)
    case .largeInteger(let integer):
      throw .reason("\(function)(): the number \(integer.description.prefix(40)) is too large")
    case .some(let value):
      guard let integer = value.asInteger else {
        throw .reason("\(function)() expects an integer, not \(value.typeName)")
      }
      return integer
    }
  }

  /// A bound of a part of a sequence; nil where it is left out or none. One beyond 64 bits is as far as can be.
  static func bound(_ argument: JinjaValue?) throws(JinjaFailure) -> Int? {
    switch argument {
    case nil, .some(.none): return nil
    case .largeInteger(let integer): return integer.isNegative ? .min : .max
    case .some(let value):
      guard let integer = value.asInteger else {
        throw .reason("slice indices must be integers or None, not \(value.typeName)")
      }
      return integer
    }
  }
}
