// Limits on repetitions that a limit on the length of the whole string makes idle. `(.{1,63}\.){1,127}` of at most 255 characters
// is `(.{1,63}\.)+` of as many, which has far fewer derivatives, since no two of them differ in how often the group was there.
extension ExpressionPool {
  /// The strings that are in all of the expressions, without the limits that one on their length makes idle.
  mutating func boundedIntersection(_ expressions: [Expression]) -> Expression {
    let both = intersection(expressions)
    guard case .intersection(let parts) = self[both] else { return both }
    let limits = parts.compactMap { part -> Int? in
      if case .repetition(let one, _, let most?) = self[part], isCharacter(one) { most } else { nil }
    }
    guard let limit = limits.min() else { return both }
    var relaxed: [Expression] = []
    for part in parts {
      if case .repetition(let one, _, _) = self[part], isCharacter(one) {
        relaxed.append(part)
      } else {
        relaxed.append(self.relaxed(part, within: limit, beside: 0))
      }
    }
    return intersection(relaxed)
  }

  /// An expression with the same strings of up to `limit` characters, where what stands beside it has at least so many.
  private mutating func relaxed(_ expression: Expression, within limit: Int, beside others: Int) -> Expression {
    switch self[expression] {
    case .nothing, .emptyString, .everything, .bytes, .literals, .variable: return expression
    case .sequence(let first, let second):
      let head = relaxed(first, within: limit, beside: others + shortest(second))
      return sequence(head, relaxed(second, within: limit, beside: others + shortest(first)))
    case .union(let parts): return union(parts.map { relaxed($0, within: limit, beside: others) })
    case .intersection(let parts): return intersection(parts.map { relaxed($0, within: limit, beside: others) })
    case .complement(let inner): return complement(relaxed(inner, within: limit, beside: others))
    case .repetition(let inner, let least, let most):
      guard !isCharacter(inner) else { return expression }
      let part = relaxed(inner, within: limit, beside: others)
      guard let most else { return repetition(part, least: least, most: nil) }
      // Once more than the limit is longer than any string.
      let (length, isLarge) = shortest(inner).multipliedReportingOverflow(by: most + 1)
      return repetition(part, least: least, most: isLarge || length > limit - others ? nil : most)
    }
  }

  /// A number of characters that every string of an expression has at least.
  private func shortest(_ expression: Expression) -> Int {
    guard !isCharacter(expression) else { return 1 }
    switch self[expression] {
    case .nothing, .emptyString, .everything, .complement, .variable: return 0
    // Bytes within characters count with those that begin them.
    case .bytes(let set): return (0x80...0xBF).contains(where: set.contains) ? 0 : 1
    case .literals(let root): return literals[Int(root)].isEnd ? 0 : 1
    case .sequence(let first, let second): return min(Self.maxLength, shortest(first) + shortest(second))
    case .union(let parts): return parts.map { shortest($0) }.min() ?? 0
    case .intersection(let parts): return parts.map { shortest($0) }.max() ?? 0
    case .repetition(let inner, let least, _):
      let (length, isLarge) = shortest(inner).multipliedReportingOverflow(by: least)
      return isLarge ? Self.maxLength : min(Self.maxLength, length)
    }
  }

  private static let maxLength = 1 << 32
}
