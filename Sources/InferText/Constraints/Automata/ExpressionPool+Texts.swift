// Languages that are made of finitely many texts.
extension ExpressionPool {
  /// The number of bytes up to which the texts of sequences are written out.
  private static let maxTextBytes = 1 << 10

  /// `true` for an expression that has plainly finitely many strings.
  func isFinite(_ expression: Expression) -> Bool {
    switch self[expression] {
    case .nothing, .emptyString, .literals: true
    case .union(let parts): parts.allSatisfy(isFinite)
    default: false
    }
  }

  /// The strings of an expression, one perhaps more than once; `nil` where there are more than `limit`, and where the
  /// expression does not say them without repetitions, intersections and complements.
  ///
  /// - Complexity: O(`limit` · parts).
  func texts(of expression: Expression, upTo limit: Int) -> [[UInt8]]? {
    var texts: [[UInt8]] = []
    func add(_ more: [[UInt8]]) -> Bool {
      texts += more
      return texts.count <= limit
    }
    switch self[expression] {
    case .nothing: break
    case .emptyString: texts = [[]]
    case .bytes(let set): texts = (0...UInt8.max).filter(set.contains).map { [$0] }
    case .union(let parts):
      for part in parts {
        guard let more = self.texts(of: part, upTo: limit), add(more) else { return nil }
      }
    case .sequence(let first, var rest):
      guard var heads = self.texts(of: first, upTo: limit) else { return nil }
      while true {
        let next = if case .sequence(let next, _) = self[rest] { next } else { rest }
        guard let tails = self.texts(of: next, upTo: limit), heads.count * tails.count <= limit else { return nil }
        heads = heads.flatMap { head in tails.map { head + $0 } }
        guard heads.first?.count ?? 0 <= Self.maxTextBytes else { return nil }
        guard case .sequence(_, let further) = self[rest] else { break }
        rest = further
      }
      texts = heads
    case .literals(let root):
      var stack = [(node: Int(root), text: [UInt8]())]
      while let (node, text) = stack.popLast() {
        if literals[node].isEnd { texts.append(text) }
        guard texts.count <= limit else { return nil }
        for child in literals[node].children { stack.append((Int(child.node), text + [child.byte])) }
      }
    case .everything, .intersection, .complement, .repetition, .variable: return nil
    }
    return texts
  }
}
