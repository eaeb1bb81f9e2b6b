/// The derivatives of expressions that were taken, and what was found out on the way.
struct Derivatives {
  enum Emptiness: UInt8 {
    case unknown
    case empty
    case inhabited
  }

  /// The derivatives of an expression by class of bytes.
  struct Row {
    /// The number of a partition of the bytes into such as have the same derivatives; -1 until it is known.
    var partition: Int32 = -1
    /// The index of the first derivative in ``cells``; -1 until there are any.
    var start: Int32 = -1
  }

  /// A derivative that was or was not taken.
  struct Cell {
    private var number: Int32

    /// One that was not taken.
    static let unknown = Cell(number: -1)

    private init(number: Int32) { self.number = number }

    /// - Parameter isCertain: `true` for ``Expression/nothing`` and for what has a string.
    init(_ expression: Expression, isCertain: Bool) { number = isCertain ? expression.index : -2 - expression.index }

    var expression: Expression? { number == -1 ? nil : Expression(number: number < 0 ? -2 - number : number) }

    /// The expression, where it is certain that it is ``Expression/nothing`` or has a string.
    var certain: Expression? { number < 0 ? nil : Expression(number: number) }
  }

  var partitions = BytePartitions()
  var rows: [Row] = []
  var cells: [Cell] = []
  var emptiness: [Emptiness] = []
  /// The number of the last search that came to each expression.
  var searches: [UInt32] = []
  var searchCount: UInt32 = 0

  mutating func addExpression() {
    rows.append(Row())
    emptiness.append(.unknown)
    searches.append(0)
  }

  /// The place of a derivative in ``cells``; `nil` where the expression has none yet.
  @inline(__always)
  func place(_ expression: Expression, _ byte: UInt8) -> Int? {
    let row = rows[expression.number]
    return row.start < 0 ? nil : Int(row.start) + partitions.class(of: byte, in: row.partition)
  }
}

// The languages of what may follow a byte.
extension ExpressionPool {
  /// The strings that may follow a byte in those of an expression; ``Expression/nothing`` once the pool is full.
  mutating func derivative(_ expression: Expression, _ byte: UInt8) -> Expression {
    if let place = derivatives.place(expression, byte), let known = derivatives.cells[place].expression { return known }
    switch self[expression] {
    case .nothing, .emptyString: return .nothing
    case .everything: return .everything
    case .bytes(let set): return set.contains(byte) ? .emptyString : .nothing
    case .literals(let node):
      guard let child = literals[Int(node)].children.first(where: { $0.byte == byte }) else { return .nothing }
      return literal(Int(child.node))
    default: break
    }
    guard !isFull else { return .nothing }
    let result = computeDerivative(expression, byte)
    store(result, isCertain: result == .nothing, behind: expression, byte)
    return result
  }

  /// The strings that may follow a byte in those of an expression; ``Expression/nothing`` where there are none.
  @inline(__always)
  mutating func inhabitedDerivative(_ expression: Expression, _ byte: UInt8) -> Expression {
    if let place = derivatives.place(expression, byte), let known = derivatives.cells[place].certain { return known }
    return findInhabitedDerivative(expression, byte)
  }

  private mutating func findInhabitedDerivative(_ expression: Expression, _ byte: UInt8) -> Expression {
    let rest = derivative(expression, byte)
    let result = isEmpty(rest) ? .nothing : rest
    if !isFull { store(result, isCertain: true, behind: expression, byte) }
    return result
  }

  private mutating func store(_ rest: Expression, isCertain: Bool, behind expression: Expression, _ byte: UInt8) {
    if derivatives.rows[expression.number].start < 0 {
      let row = repeatElement(Derivatives.Cell.unknown, count: leastBytes(of: expression).count)
      derivatives.rows[expression.number].start = Int32(derivatives.cells.count)
      derivatives.cells.append(contentsOf: row)
    }
    guard let place = derivatives.place(expression, byte) else { return }
    derivatives.cells[place] = Derivatives.Cell(rest, isCertain: isCertain)
  }

  private mutating func computeDerivative(_ expression: Expression, _ byte: UInt8) -> Expression {
    switch self[expression] {
    case .nothing, .emptyString, .everything, .bytes, .literals: return derivative(expression, byte)
    case .sequence:
      // From the end, in a loop: sequences may be long, and so may be what is optional at their beginning.
      var (tails, rest) = ([(whole: Expression, first: Expression, second: Expression)](), expression)
      while case .sequence(let first, let second) = self[rest] {
        tails.append((rest, first, second))
        guard acceptsEmptyString(first) else { break }
        rest = second
        if let place = derivatives.place(rest, byte), derivatives.cells[place].expression != nil { break }
      }
      var result = Expression.nothing
      if let last = tails.last, acceptsEmptyString(last.first) { result = derivative(rest, byte) }
      for tail in tails.reversed() {
        let behind = sequence(derivative(tail.first, byte), tail.second)
        result = acceptsEmptyString(tail.first) ? union([behind, result]) : behind
        if isFull { return .nothing }
        if tail.whole != expression { store(result, isCertain: result == .nothing, behind: tail.whole, byte) }
      }
      return result
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
    case .variable(let number): return derivative(definitions[Int(number)], byte)
    case .repetition(let inner, let least, let most):
      let rest = repetition(inner, least: max(0, least - 1), most: most.map { $0 - 1 })
      return sequence(derivative(inner, byte), rest)
    }
  }

  /// The number of a partition of the bytes into such as have the same derivatives.
  private mutating func partition(of expression: Expression) -> Int32 {
    let known = derivatives.rows[expression.number].partition
    if known >= 0 { return known }
    let result: Int32
    switch self[expression] {
    case .nothing, .emptyString, .everything: result = BytePartitions.whole
    case .bytes(let set): result = derivatives.partitions.number(of: set)
    case .literals(let node):
      result = derivatives.partitions.number(ofBytes: literals[Int(node)].children.map(\.byte))
    case .sequence:
      var (parts, rest) = ([Expression](), expression)
      while case .sequence(let first, let second) = self[rest], derivatives.rows[rest.number].partition < 0 {
        parts.append(first)
        rest = second
        guard acceptsEmptyString(first) else { break }
      }
      let isWhole = parts.last.map(acceptsEmptyString) ?? true
      result = partition(of: isWhole ? parts + [rest] : parts)
    case .union(let parts), .intersection(let parts): result = partition(of: parts)
    case .complement(let inner), .repetition(let inner, _, _): result = partition(of: inner)
    case .variable(let number): result = partition(of: definitions[Int(number)])
    }
    derivatives.rows[expression.number].partition = result
    return result
  }

  private mutating func partition(of parts: [Expression]) -> Int32 {
    var result = BytePartitions.whole
    for part in parts { result = derivatives.partitions.product(result, partition(of: part)) }
    return result
  }

  /// The least byte of each class of such as have the same derivatives.
  private mutating func leastBytes(of expression: Expression) -> [UInt8] {
    let partition = partition(of: expression)
    return derivatives.partitions.leastBytes(of: partition)
  }

  /// `true` when no string is in the expression. Looks at derivatives, the nearest first, where intersections and
  /// complements hide that; a pool that is full meanwhile says `true`.
  mutating func isEmpty(_ expression: Expression) -> Bool {
    if let known = knownEmptiness(of: expression) { return known }
    derivatives.searchCount += 1
    let search = derivatives.searchCount
    derivatives.searches[expression.number] = search
    var queue = [(expression: expression, parent: -1)]
    var index = 0
    while index < queue.count, !isFull {
      let next = queue[index].expression
      for byte in leastBytes(of: next) {
        let rest = derivative(next, byte)
        guard rest != .nothing, derivatives.searches[rest.number] != search else { continue }
        derivatives.searches[rest.number] = search
        switch knownEmptiness(of: rest) {
        case true?: continue
        case nil: queue.append((rest, index))
        case false?:
          // All that led here have a string.
          var place = index
          while place >= 0 {
            derivatives.emptiness[queue[place].expression.number] = .inhabited
            place = queue[place].parent
          }
          return false
        }
      }
      index += 1
    }
    // Nothing that can be reached from here has a string.
    if !isFull { for entry in queue { derivatives.emptiness[entry.expression.number] = .empty } }
    return true
  }

  private func knownEmptiness(of expression: Expression) -> Bool? {
    if expression == .nothing { return true }
    if !mayBeEmpty[expression.number] || acceptsEmptyString(expression) { return false }
    switch derivatives.emptiness[expression.number] {
    case .unknown: return nil
    case .empty: return true
    case .inhabited: return false
    }
  }
}
