import Foundation
import OrderedCollections

/// Variables that are visible together. A name is looked up here, then in the scopes around.
final class JinjaScope {
  var variables: TextDictionary<JinjaValue> = [:]
  private let parent: JinjaScope?

  init(parent: JinjaScope?) { self.parent = parent }

  func lookUp(_ name: String) -> JinjaValue? {
    var scope: JinjaScope? = self
    while let current = scope {
      if let value = current.variables[name] { return value }
      scope = current.parent
    }
    return nil
  }
}

/// Renders one template once: walks its statements and collects the output.
///
/// A template is somebody else's program, so everything it does is paid for from a budget, and recursion is bounded.
final class JinjaEvaluator {
  enum Flow { case normal, breakLoop, continueLoop }

  /// Levels of statements and expressions inside of each other, over all macros called at the moment.
  private static let maximumDepth = 250

  /// The longest text that a template may make, in bytes.
  static let maximumTextBytes = 1 << 26

  /// The line that is evaluated, for errors.
  private(set) var line = 1
  let now: Date
  let timeZone: TimeZone
  private(set) var scope: JinjaScope
  /// Attributes of the namespaces made so far.
  var namespaces: [TextDictionary<JinjaValue>] = []
  /// The last arguments of `loop.changed`, by the run of the loop.
  var lastChanged: [Int: [JinjaValue]] = [:]
  private var macros: [(macro: JinjaMacro, scope: JinjaScope)] = []
  /// Loops that may be called, with the scopes around them.
  var recursions: [(loop: JinjaLoopStatement, scope: JinjaScope)] = []
  /// How many loops have run.
  var loopRuns = 0
  /// The variables that are assigned outside of all blocks.
  private let top: JinjaScope
  private var output: JinjaString = ""
  /// The work that is left: statements, expressions and values handled, and sixteenths of characters.
  private(set) var budget: Int
  private var depth = 0
  /// Bytes of the output at most.
  private let byteLimit: Int
  /// Blocks under way whose text is kept and not printed.
  private var captures = 0

  init(variables: TextDictionary<JinjaValue>, now: Date, timeZone: TimeZone, byteLimit: Int = .max) {
    self.now = now
    self.byteLimit = byteLimit
    self.timeZone = timeZone
    // Ample for real templates, most of which go through the conversation once and some once for each message.
    budget = 5_000_000 + 100 * variables.values.reduce(0) { $0 + $1.size(upTo: 10_000_000) }
    let context = JinjaScope(parent: nil)
    for function in JinjaFunction.allCases { context.variables[function.rawValue] = .function(function) }
    context.variables.merge(variables) { _, variable in variable }
    top = JinjaScope(parent: context)
    scope = top
  }

  func render(_ statements: [JinjaStatement]) throws(TemplateError) -> JinjaString {
    do {
      _ = try execute(statements)
    } catch {
      switch error {
      case .reason(let reason): throw .evaluation(line: line, reason: reason)
      case .raised(let message): throw .raised(message)
      case .tooLong: throw .tooLong(limit: byteLimit)
      }
    }
    return output
  }

  // MARK: - Limits

  func spend(_ cost: Int) throws(JinjaFailure) {
    budget -= min(cost, budget)
    guard budget > 0 else { throw .reason("the template does more work than is allowed") }
  }

  /// Pays for text of that many bytes; call before making it.
  func spend(bytes: Int) throws(JinjaFailure) {
    guard bytes <= Self.maximumTextBytes else {
      throw .reason("a text of more than the \(Self.maximumTextBytes) bytes that are allowed")
    }
    try spend(1 + bytes / 16)
  }

  /// Pays for that many repetitions of a text of so many bytes.
  func spend(bytes: Int, times: Int) throws(JinjaFailure) {
    let (product, overflow) = bytes.multipliedReportingOverflow(by: max(0, times))
    try spend(bytes: overflow ? .max : product)
  }

  /// Pays for going through a value; call before printing, comparing or keeping one.
  func spend(on value: JinjaValue) throws(JinjaFailure) { try spend(value.size(upTo: budget)) }

  /// Pays for going through those arguments that are texts.
  func spend(onTextsIn arguments: JinjaArguments) throws(JinjaFailure) {
    for value in arguments.positional { if let text = value.asString { try spend(bytes: text.utf8.count) } }
    for value in arguments.named.values { if let text = value.asString { try spend(bytes: text.utf8.count) } }
  }

  /// Pays for going through two values together, which ends where the smaller one does; neither is gone through much
  /// further than that to find its size.
  func spend(onComparing left: JinjaValue, _ right: JinjaValue) throws(JinjaFailure) {
    var limit = min(64, budget)
    var size = min(left.size(upTo: limit), right.size(upTo: limit))
    while size == limit, limit < budget {
      limit = limit > budget / 4 ? budget : 4 * limit
      size = min(left.size(upTo: limit), right.size(upTo: limit))
    }
    try spend(size)
  }

  /// A value that is to be a key of a dictionary or the element of a set; pays for going through it.
  func key(_ value: JinjaValue) throws(JinjaFailure) -> JinjaValue {
    try spend(on: value)
    guard value.isHashable else { throw .reason("unhashable type: '\(value.typeName)'") }
    return value
  }

  /// The length that `len` tells, paid for, since characters have to be counted; nil for values without one.
  func length(of value: JinjaValue) throws(JinjaFailure) -> Int? {
    if let text = value.asString { try spend(bytes: text.utf8.count) }
    return value.count
  }

  /// Runs `body` one level deeper.
  func nested<Result>(_ body: () throws(JinjaFailure) -> Result) throws(JinjaFailure) -> Result {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.maximumDepth else { throw .reason("nested or recursing too deeply") }
    try spend(1)
    return try body()
  }

  func at(line: Int) { self.line = line }

  // MARK: - Statements

  func execute(_ statements: [JinjaStatement]) throws(JinjaFailure) -> Flow {
    for statement in statements {
      line = statement.line
      let flow = try nested { () throws(JinjaFailure) in try execute(statement) }
      if flow != .normal { return flow }
    }
    return .normal
  }

  private func execute(_ statement: JinjaStatement) throws(JinjaFailure) -> Flow {
    switch statement.kind {
    case .text(let text): try write(JinjaString(text, isFromOutside: false))
    case .output(let expression): try write(try printed(try evaluate(expression)))
    case .conditional(let branches, let otherwise):
      for branch in branches where try evaluate(branch.test).isTrue { return try execute(branch.body) }
      return try execute(otherwise)
    case .loop(let loop): return try execute(loop)
    case .set(let target, let expression): try assign(try evaluate(expression), to: target)
    case .setBlock(let target, let filters, let body):
      let text = try capture(body)
      try assign(try apply(filters, to: .string(text)), to: target)
    case .macro(let macro):
      macros.append((macro, scope))
      scope.variables[macro.name] = .macro(macros.count - 1)
    case .call(let expression, let caller):
      macros.append((caller, scope))
      try write(try printed(try evaluateCall(expression, caller: .macro(macros.count - 1))))
    case .filterBlock(let filters, let body):
      let text = try capture(body)
      try write(try printed(try apply(filters, to: .string(text))))
    case .with(let assignments, let body): try execute(body, with: assignments)
    case .block(let isScoped, let body):
      return try inScope(JinjaScope(parent: isScoped ? scope : top)) { () throws(JinjaFailure) in try execute(body) }
    case .autoescape(let expression, let body):
      if try evaluate(expression).isTrue { throw .reason("automatic escaping is not supported") }
      return try inScope(JinjaScope(parent: scope)) { () throws(JinjaFailure) in try execute(body) }
    case .scope(let body):
      return try inScope(JinjaScope(parent: scope)) { () throws(JinjaFailure) in try execute(body) }
    case .breakLoop: return .breakLoop
    case .continueLoop: return .continueLoop
    }
    return .normal
  }

  private func write(_ text: JinjaString) throws(JinjaFailure) {
    try spend(bytes: text.count)
    if captures == 0, output.count + text.count > byteLimit { throw .tooLong }
    output.append(text)
  }

  /// The text that a block prints, evaluated in a scope of its own.
  private func capture(_ body: [JinjaStatement]) throws(JinjaFailure) -> JinjaString {
    try capture { () throws(JinjaFailure) in
      _ = try inScope(JinjaScope(parent: scope)) { () throws(JinjaFailure) in try execute(body) }
    }
  }

  func capture(_ body: () throws(JinjaFailure) -> Void) throws(JinjaFailure) -> JinjaString {
    let outer = output
    output = ""
    captures += 1
    defer {
      output = outer
      captures -= 1
    }
    try body()
    return output
  }

  func inScope<Result>(
    _ inner: JinjaScope, _ body: () throws(JinjaFailure) -> Result
  ) throws(JinjaFailure) -> Result {
    let outer = scope
    scope = inner
    defer { scope = outer }
    return try body()
  }

  private func execute(
    _ body: [JinjaStatement], with assignments: [(target: JinjaTarget, value: JinjaExpression)]
  ) throws(JinjaFailure) {
    // The values do not see each other's names.
    var values: [JinjaValue] = []
    for assignment in assignments { values.append(try evaluate(assignment.value)) }
    _ = try inScope(JinjaScope(parent: scope)) { () throws(JinjaFailure) in
      for (assignment, value) in zip(assignments, values) { try assign(value, to: assignment.target) }
      return try execute(body)
    }
  }

  func assign(_ value: JinjaValue, to target: JinjaTarget) throws(JinjaFailure) {
    switch target {
    case .name(let name):
      try spend(on: value)
      scope.variables[name] = value
    case .attribute(let name, let attribute):
      guard case .namespace(let index)? = scope.lookUp(name) else {
        throw .reason("cannot assign to an attribute of '\(name)', which is no namespace")
      }
      try spend(on: value)
      try setAttribute(attribute, of: index, to: value)
    case .tuple(let targets):
      let values = try value.elements()
      guard values.count == targets.count else {
        throw .reason("cannot unpack \(values.count) values into \(targets.count) names")
      }
      for (target, value) in zip(targets, values) { try assign(value, to: target) }
    }
  }

  func setAttribute(_ name: String, of namespace: Int, to value: JinjaValue) throws(JinjaFailure) {
    guard !name.hasExactPrefix("_") else {
      throw .reason("attributes of a namespace must not start with an underscore, but found '\(name)'")
    }
    namespaces[namespace][name] = value
  }

  // MARK: - Macros

  func call(macro index: Int, _ arguments: JinjaArguments) throws(JinjaFailure) -> JinjaValue {
    let (macro, definitionScope) = macros[index]
    let callLine = line
    defer { line = callLine }
    let inner = JinjaScope(parent: definitionScope)
    let text = try inScope(inner) { () throws(JinjaFailure) in
      try bind(arguments, to: macro, in: inner)
      return try capture(macro.body)
    }
    return .string(text)
  }

  /// An attribute of a macro.
  func attribute(_ name: String, ofMacro index: Int) -> JinjaValue? {
    let macro = macros[index].macro
    switch name {
    case "name": return .plain(macro.name)
    case "arguments": return .tuple(macro.parameters.map { .plain($0.name) })
    case "catch_varargs": return .bool(macro.takesSurplus)
    case "catch_kwargs": return .bool(macro.takesUnknownNames)
    case "caller": return .bool(macro.takesCaller)
    default: return nil
    }
  }

  private func bind(_ arguments: JinjaArguments, to macro: JinjaMacro, in scope: JinjaScope) throws(JinjaFailure) {
    var named = arguments.named
    for (index, parameter) in macro.parameters.enumerated() {
      let value = named.removeValue(forKey: parameter.name)
      if index < arguments.positional.count {
        guard value == nil else { throw .reason("macro '\(macro.name)' got two values for '\(parameter.name)'") }
        scope.variables[parameter.name] = arguments.positional[index]
      } else if let value {
        scope.variables[parameter.name] = value
      } else if let fallback = parameter.fallback {
        scope.variables[parameter.name] = try evaluate(fallback)
      } else {
        scope.variables[parameter.name] = .undefined("parameter '\(parameter.name)' was not provided")
      }
    }
    if macro.takesCaller, scope.variables["caller"] == nil {
      scope.variables["caller"] = named.removeValue(forKey: "caller") ?? .undefined("No caller defined")
    }
    let surplus = arguments.positional.dropFirst(macro.parameters.count)
    guard macro.takesSurplus || surplus.isEmpty else {
      throw .reason("macro '\(macro.name)' takes not more than \(macro.parameters.count) argument(s)")
    }
    guard macro.takesUnknownNames || named.isEmpty else {
      throw .reason("macro '\(macro.name)' takes no keyword argument '\(named.keys[0])'")
    }
    if macro.takesSurplus { scope.variables["varargs"] = .tuple(Array(surplus)) }
    if macro.takesUnknownNames {
      let pairs = named.map {
        (JinjaValue.string(JinjaString($0.key, isFromOutside: arguments.namesAreFromOutside)), $0.value)
      }
      scope.variables["kwargs"] = .dictionary(JinjaDictionary(uniqueKeysWithValues: pairs))
    }
  }
}
