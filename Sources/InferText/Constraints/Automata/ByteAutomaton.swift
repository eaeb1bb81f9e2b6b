/// Expressions as the states of a deterministic automaton over bytes, whose transitions are computed when they are first
/// asked for.
///
/// A state from which no string can be completed is ``Expression/nothing``.
struct ByteAutomaton: ByteTransitions {
  var pool: ExpressionPool

  init(limit: Int = Constraint.stateLimit) { pool = ExpressionPool(limit: limit) }

  /// The state behind a byte.
  mutating func next(_ state: Expression, _ byte: UInt8) -> Expression {
    pool.inhabitedDerivative(state, byte)
  }

  /// The number of the expression behind a byte; 0, which is that of ``Expression/nothing``, when it may not follow.
  mutating func next(_ state: Int32, _ byte: UInt8) -> Int32 { Int32(next(Expression(number: state), byte).number) }

  /// The state behind some bytes.
  mutating func next(_ state: Expression, _ bytes: some Sequence<UInt8>) -> Expression {
    bytes.reduce(state) { next($0, $1) }
  }

  /// `true` when a string is in the language of a state.
  mutating func accepts(_ state: Expression, _ bytes: some Sequence<UInt8>) -> Bool {
    let end = next(state, bytes)
    return isAccepting(end)
  }

  func isAccepting(_ state: Expression) -> Bool { pool.acceptsEmptyString(state) }
}
