/// Expressions as the states of a deterministic automaton over bytes, whose transitions are computed when they are first
/// asked for.
///
/// A state from which no string can be completed is ``Expression/nothing``.
struct ByteAutomaton: ByteTransitions {
  var pool: ExpressionPool
  /// The first of 256 transitions of each expression, by its index; -1 where there are none yet.
  private var rowStarts: [Int32] = []
  private var rows: [Expression] = []

  init(limit: Int = 1 << 17) { pool = ExpressionPool(limit: limit) }

  /// The state behind a byte.
  mutating func next(_ state: Expression, _ byte: UInt8) -> Expression {
    let start = state.number < rowStarts.count ? rowStarts[state.number] : -1
    if start >= 0 { return rows[Int(start) + Int(byte)] }
    // The expressions of a full pool are unreliable.
    if pool.isFull { return .nothing }
    return rows[makeRow(of: state) + Int(byte)]
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

  private mutating func makeRow(of state: Expression) -> Int {
    let start = rows.count
    rows.append(contentsOf: repeatElement(.nothing, count: 256))
    for set in pool.byteClasses(of: state) {
      guard let byte = set.first else { continue }
      let rest = pool.derivative(state, byte)
      guard rest != .nothing, !pool.isEmpty(rest) else { continue }
      set.forEach { rows[start + Int($0)] = rest }
    }
    while rowStarts.count <= state.number { rowStarts.append(-1) }
    rowStarts[state.number] = Int32(start)
    return start
  }
}
