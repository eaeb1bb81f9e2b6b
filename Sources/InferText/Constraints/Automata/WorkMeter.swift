/// The work that an automaton may do to answer one question, in looks at statements of some nanoseconds each. What is hashed
/// counts for more.
///
/// States are computed when they are first asked for, and what one takes depends on the language: an expression of thousands of
/// optional parts has thousands of places in each state. Without a bound one such would hold up all other requests.
struct WorkMeter: Sendable {
  /// The work of making an automaton, some seconds, which is done aside.
  private static let making = 1 << 29
  /// The work of a token, less than a second, for which a step waits.
  private static let token = 1 << 26
  /// The work of looking at a part of an expression, which is hashed.
  static let expression = 32
  /// The work of looking at a part of a formula.
  static let formula = 8

  private var left = making

  /// `true` once more was done than may be. It stays so: what was found meanwhile is of no use.
  var isSpent: Bool { left < 0 }

  /// Counts some work.
  mutating func take(_ work: Int) { left -= work }

  /// Begins another question, which is about a token.
  mutating func renew() { if !isSpent { left = Self.token } }
}
