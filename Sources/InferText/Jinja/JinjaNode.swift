/// An expression with the line it starts on.
struct JinjaExpression: Sendable {
  indirect enum Kind: Sendable {
    case literal(JinjaValue)
    case name(String)
    case list([JinjaExpression])
    case tuple([JinjaExpression])
    case dictionary([(key: JinjaExpression, value: JinjaExpression)])
    /// `object.name`
    case attribute(JinjaExpression, String)
    /// `object[key]`
    case element(JinjaExpression, JinjaExpression)
    /// `object[start:stop:step]`
    case slice(JinjaExpression, start: JinjaExpression?, stop: JinjaExpression?, step: JinjaExpression?)
    case call(JinjaExpression, JinjaCallArguments)
    case filter(JinjaExpression, JinjaFilterCall)
    case test(JinjaExpression, String, JinjaCallArguments)
    case negative(JinjaExpression)
    case positive(JinjaExpression)
    case not(JinjaExpression)
    case and(JinjaExpression, JinjaExpression)
    case or(JinjaExpression, JinjaExpression)
    /// `a < b <= c`
    case comparison(JinjaExpression, [(by: JinjaComparison, operand: JinjaExpression)])
    case arithmetic(JinjaArithmetic, JinjaExpression, JinjaExpression)
    /// `a ~ b ~ c`
    case concatenation([JinjaExpression])
    /// `value if test else otherwise`
    case conditional(JinjaExpression, test: JinjaExpression, otherwise: JinjaExpression?)
  }

  let kind: Kind
  let line: Int
}

enum JinjaComparison: String, Sendable {
  case equal = "==", notEqual = "!=", less = "<", lessOrEqual = "<=", greater = ">", greaterOrEqual = ">="
  case isIn = "in", isNotIn = "not in"
}

enum JinjaArithmetic: String, Sendable {
  case add = "+", subtract = "-", multiply = "*", divide = "/", floorDivide = "//", modulo = "%", power = "**"
}

/// `(a, *rest, name=b, **names)`
struct JinjaCallArguments: Sendable {
  var positional: [JinjaExpression] = []
  var unpacked: JinjaExpression?
  var named: [(name: String, value: JinjaExpression)] = []
  var unpackedNamed: JinjaExpression?
}

struct JinjaFilterCall: Sendable {
  let name: String
  let arguments: JinjaCallArguments
  let line: Int
}

/// The target of `set` and `for`.
indirect enum JinjaTarget: Sendable {
  case name(String)
  /// `namespace.attribute`
  case attribute(of: String, String)
  case tuple([JinjaTarget])
}

struct JinjaStatement: Sendable {
  indirect enum Kind: Sendable {
    case text(String)
    case output(JinjaExpression)
    case conditional([(test: JinjaExpression, body: [JinjaStatement])], otherwise: [JinjaStatement])
    case loop(JinjaLoopStatement)
    case set(JinjaTarget, JinjaExpression)
    /// `{% set x | filter %}…{% endset %}`
    case setBlock(JinjaTarget, [JinjaFilterCall], [JinjaStatement])
    case macro(JinjaMacro)
    /// `{% call(parameters) macro() %}…{% endcall %}`: the body is what the macro gets by `caller()`.
    case call(JinjaExpression, caller: JinjaMacro)
    case filterBlock([JinjaFilterCall], [JinjaStatement])
    case with([(target: JinjaTarget, value: JinjaExpression)], [JinjaStatement])
    /// `{% block name %}…{% endblock %}`: sees what is assigned outside of all blocks, and more only when scoped.
    case block(isScoped: Bool, [JinjaStatement])
    case autoescape(JinjaExpression, [JinjaStatement])
    /// `{% generation %}…{% endgeneration %}`, which only has a scope of its own.
    case scope([JinjaStatement])
    case breakLoop
    case continueLoop
  }

  let kind: Kind
  let line: Int
}

struct JinjaLoopStatement: Sendable {
  let target: JinjaTarget
  let sequence: JinjaExpression
  let condition: JinjaExpression?
  let body: [JinjaStatement]
  let otherwise: [JinjaStatement]
  /// Whether the body may call `loop`.
  let isRecursive: Bool
}

struct JinjaMacro: Sendable {
  let name: String
  let parameters: [(name: String, fallback: JinjaExpression?)]
  let body: [JinjaStatement]
  /// Whether the body speaks of `varargs`: only then surplus arguments are accepted.
  let takesSurplus: Bool
  /// Whether the body speaks of `kwargs`: only then unknown names are accepted.
  let takesUnknownNames: Bool
  /// Whether the body speaks of `caller`: only then the macro may be what a `call` block calls.
  let takesCaller: Bool
}
