import OrderedCollections

extension JinjaEvaluator {
  func evaluate(_ expression: JinjaExpression) throws(JinjaFailure) -> JinjaValue {
    at(line: expression.line)
    return try nested { () throws(JinjaFailure) in
      switch expression.kind {
      case .literal(let value): value
      case .name(let name): scope.lookUp(name) ?? .undefined("'\(name)' is undefined")
      case .list, .tuple, .dictionary: try evaluateCollection(expression.kind)
      case .attribute(let object, let name): try attribute(name, of: try evaluate(object))
      case .element(let object, let key): try element(try evaluate(key), of: try evaluate(object))
      case .slice(let object, let start, let stop, let step): try evaluateSlice(of: object, start, stop, step)
      case .call: try evaluateCall(expression, caller: nil)
      case .filter(let value, let filter): try apply([filter], to: try evaluate(value))
      case .test(let value, let name, let arguments):
        .bool(try test(name, try evaluate(value), try evaluate(arguments)))
      default: try evaluateOperation(expression.kind)
      }
    }
  }

  private func evaluateCollection(_ kind: JinjaExpression.Kind) throws(JinjaFailure) -> JinjaValue {
    switch kind {
    case .list(let elements): return .list(try evaluate(elements))
    case .tuple(let elements): return .tuple(try evaluate(elements))
    case .dictionary(let pairs):
      var members: JinjaDictionary = [:]
      for pair in pairs {
        let key = try key(try evaluate(pair.key))
        members[key] = try evaluate(pair.value)
      }
      return .dictionary(members)
    default: preconditionFailure("not a collection: \(kind)")
    }
  }

  private func evaluate(_ expressions: [JinjaExpression]) throws(JinjaFailure) -> [JinjaValue] {
    var values: [JinjaValue] = []
    for expression in expressions { values.append(try evaluate(expression)) }
    return values
  }

  private func evaluateOperation(_ kind: JinjaExpression.Kind) throws(JinjaFailure) -> JinjaValue {
    switch kind {
    case .negative(let operand): return try negate(try evaluate(operand))
    case .positive(let operand):
      let value = try evaluate(operand)
      guard value.asNumber != nil else { throw badOperand("+", value) }
      return value.asInteger.map(JinjaValue.integer) ?? value
    case .not(let operand): return .bool(!(try evaluate(operand).isTrue))
    case .and(let left, let right):
      let value = try evaluate(left)
      return value.isTrue ? try evaluate(right) : value
    case .or(let left, let right):
      let value = try evaluate(left)
      return value.isTrue ? value : try evaluate(right)
    case .comparison(let first, let rest): return try evaluateComparison(first, rest)
    case .arithmetic(let kind, let left, let right): return try compute(kind, try evaluate(left), try evaluate(right))
    case .concatenation(let parts):
      var text: JinjaString = ""
      for part in parts {
        text.append(try printed(try evaluate(part)))
        try spend(bytes: text.count)
      }
      return .string(text)
    case .conditional(let value, let test, let otherwise):
      if try evaluate(test).isTrue { return try evaluate(value) }
      return try otherwise.map { (expression) throws(JinjaFailure) in try evaluate(expression) }
        ?? .undefined("the inline if-expression evaluated to false and has no else section")
    default: preconditionFailure("not an operation: \(kind)")
    }
  }

  /// `a < b <= c` holds if every comparison does; what comes after the first that does not is not evaluated.
  private func evaluateComparison(
    _ first: JinjaExpression, _ rest: [(by: JinjaComparison, operand: JinjaExpression)]
  ) throws(JinjaFailure) -> JinjaValue {
    var left = try evaluate(first)
    for (comparison, operand) in rest {
      let right = try evaluate(operand)
      guard try compare(comparison, left, right) else { return .bool(false) }
      left = right
    }
    return .bool(true)
  }

  private func evaluateSlice(
    of object: JinjaExpression, _ start: JinjaExpression?, _ stop: JinjaExpression?, _ step: JinjaExpression?
  ) throws(JinjaFailure) -> JinjaValue {
    let value = try evaluate(object)
    var bounds: [Int?] = []
    for bound in [start, stop, step] {
      let value = try bound.map { (expression) throws(JinjaFailure) in try evaluate(expression) }
      bounds.append(try JinjaValue.bound(value))
    }
    try spend(try length(of: value) ?? 0)
    return try slice(value, start: bounds[0], stop: bounds[1], step: bounds[2])
  }

  // MARK: - Calls

  func evaluateCall(_ expression: JinjaExpression, caller: JinjaValue?) throws(JinjaFailure) -> JinjaValue {
    guard case .call(let callee, let argumentExpressions) = expression.kind else {
      preconditionFailure("not a call: \(expression.kind)")
    }
    let function = try evaluate(callee)
    var arguments = try evaluate(argumentExpressions)
    if let caller, arguments.named.updateValue(caller, forKey: "caller") != nil {
      throw .reason("the argument 'caller' is the block's own")
    }
    at(line: expression.line)
    switch function {
    case .macro(let index): return try call(macro: index, arguments)
    case .function(let function): return try call(function, arguments)
    case .method(let receiver, let name): return try call(method: name, of: receiver, arguments)
    case .loop(let loop): return try recurse(loop, arguments)
    case .undefined(let reason): throw .reason(reason)
    default: throw .reason("'\(function.typeName)' object is not callable")
    }
  }

  func evaluate(_ expressions: JinjaCallArguments) throws(JinjaFailure) -> JinjaArguments {
    var arguments = JinjaArguments()
    for expression in expressions.positional { arguments.positional.append(try evaluate(expression)) }
    if let unpacked = expressions.unpacked { arguments.positional += try evaluate(unpacked).elements() }
    for (name, expression) in expressions.named {
      guard arguments.named.updateValue(try evaluate(expression), forKey: name) == nil else {
        throw .reason("the argument '\(name)' is given twice")
      }
    }
    if let unpacked = expressions.unpackedNamed {
      guard case .dictionary(let members) = try evaluate(unpacked) else {
        throw .reason("what follows ** must be a dictionary")
      }
      for (key, value) in members {
        guard let name = key.asString else { throw .reason("keywords must be strings") }
        arguments.named[name] = value
        if key.isFromOutside { arguments.namesAreFromOutside = true }
      }
    }
    try spend(arguments.positional.count)
    return arguments
  }

  func apply(_ filters: [JinjaFilterCall], to value: JinjaValue) throws(JinjaFailure) -> JinjaValue {
    var value = value
    for filter in filters {
      let arguments = try evaluate(filter.arguments)
      at(line: filter.line)
      value = try apply(filter: filter.name, to: value, arguments)
    }
    return value
  }

  /// The text that a value prints as.
  func text(of value: JinjaValue) throws(JinjaFailure) -> String { try printed(value).text }

  /// The text that a value prints as, with where it comes from.
  func printed(_ value: JinjaValue) throws(JinjaFailure) -> JinjaString {
    switch value {
    case .string(let text), .markup(let text): return text
    default:
      try spend(on: value)
      return JinjaString(value.text, isFromOutside: value.isFromOutside)
    }
  }
}
