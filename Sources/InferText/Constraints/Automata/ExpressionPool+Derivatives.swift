// The languages of what may follow a byte.
extension ExpressionPool {
  /// The strings that may follow a byte in those of an expression.
  mutating func derivative(_ expression: Expression, _ byte: UInt8) -> Expression {
    switch self[expression] {
    case .nothing, .emptyString: return .nothing
    case .everything: return .everything
    case .bytes(let set): return set.contains(byte) ? .emptyString : .nothing
    case .literals(let node):
      guard let child = literals[Int(node)].children.first(where: { $0.byte == byte }) else { return .nothing }
      return literal(Int(child.node))
    default: break
    }
    let key = DerivativeKey(expression: expression, byte: byte)
    if let known = derivatives[key] { return known }
    guard !isFull else { return .nothing }
    let result = computeDerivative(expression, byte)
    derivatives[key] = result
    return result
  }

  mutating func computeDerivative(_ expression: Expression, _ byte: UInt8) -> Expression {
    switch self[expression] {
    case .nothing, .emptyString, .everything, .bytes, .literals: return derivative(expression, byte)
    case .sequence(let first, let second):
      let behind = sequence(derivative(first, byte), second)
      return acceptsEmptyString(first) ? union([behind, derivative(second, byte)]) : behind
    case .union(let parts):
      var rests: [Expression] = []
      for part in parts { rests.append(derivative(part, byte)) }
      return union(rests)
    case .intersection(let parts):
      var rests: [Expression] = []
      for part in parts {
        let rest = derivative(part, byte)
        if rest == .nothing { return .nothing }
        rests.append(rest)
      }
      return intersection(rests)
    case .complement(let inner): return complement(derivative(inner, byte))
    case .repetition(let inner, let least, let most):
      let rest = repetition(inner, least: max(0, least - 1), most: most.map { $0 - 1 })
      return sequence(derivative(inner, byte), rest)
    }
  }

  /// Sets of bytes with the same derivatives, which together are all bytes.
  mutating func byteClasses(of expression: Expression) -> [ByteSet] {
    if let known = classes[expression] { return known }
    let result: [ByteSet]
    switch self[expression] {
    case .nothing, .emptyString, .everything: return [.all]
    case .bytes(let set): result = Self.split([.all], by: set)
    case .literals(let node):
      var rest = ByteSet.all
      var sets: [ByteSet] = []
      for child in literals[Int(node)].children {
        let set = ByteSet(child.byte...child.byte)
        sets.append(set)
        rest = rest.intersection(set.inverse)
      }
      result = rest.isEmpty ? sets : sets + [rest]
    case .sequence(let first, let second):
      result = acceptsEmptyString(first) ? refined([first, second]) : byteClasses(of: first)
    case .union(let parts), .intersection(let parts): result = refined(parts)
    case .complement(let inner), .repetition(let inner, _, _): result = byteClasses(of: inner)
    }
    classes[expression] = result
    return result
  }

  mutating func refined(_ parts: [Expression]) -> [ByteSet] {
    var sets = [ByteSet.all]
    for part in parts {
      for set in byteClasses(of: part) where set != .all { sets = Self.split(sets, by: set) }
    }
    return sets
  }

  static func split(_ sets: [ByteSet], by set: ByteSet) -> [ByteSet] {
    var result: [ByteSet] = []
    for part in sets {
      let (inside, outside) = (part.intersection(set), part.intersection(set.inverse))
      if !inside.isEmpty { result.append(inside) }
      if !outside.isEmpty { result.append(outside) }
    }
    return result
  }

  /// `true` when no string is in the expression. Looks at derivatives, the nearest first, where intersections and
  /// complements hide that; a pool that is full meanwhile says `true`.
  mutating func isEmpty(_ expression: Expression) -> Bool {
    guard mayBeEmpty[Int(expression.index)] else { return expression == .nothing }
    if let known = emptiness[expression] { return known }
    var seen: Set<Expression> = [expression]
    var queue = [expression]
    var index = 0
    while index < queue.count, !isFull {
      let next = queue[index]
      index += 1
      if acceptsEmptyString(next) || emptiness[next] == false || !mayBeEmpty[Int(next.index)] && next != .nothing {
        emptiness[expression] = false
        return false
      }
      for set in byteClasses(of: next) {
        guard let byte = set.first else { continue }
        let rest = derivative(next, byte)
        if rest != .nothing, emptiness[rest] != true, seen.insert(rest).inserted { queue.append(rest) }
      }
    }
    // Nothing that can be reached from here has a string.
    for part in queue { emptiness[part] = true }
    return true
  }
}
