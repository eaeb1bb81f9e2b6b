/// Some formulas laid out for being looked at often: what a node is made of stands before it, and leaves are told by their
/// places in a list.
struct FormulaTable {
  private enum Node {
    case constant(Bool)
    case leaf(Int)
    case not(Int)
    // Places in ``parts``.
    case all(Range<Int>)
    case any(Range<Int>)
    case exactlyOne(Range<Int>)
  }

  /// The least statements of the formulas, each once.
  private(set) var leaves: [SchemaLeaf] = []
  private var nodes: [Node] = []
  /// The formula of each node.
  private var formulas: [Formula] = []
  private var parts: [Int] = []
  /// The nodes of the formulas, in their order.
  private(set) var roots: [Int] = []
  /// The node of each formula and of all that it is made of.
  private(set) var places: [Formula: Int] = [:]

  init(_ formulas: [Formula], in pool: FormulaPool) {
    for formula in formulas { roots.append(insert(formula, pool)) }
  }

  private mutating func insert(_ formula: Formula, _ pool: FormulaPool) -> Int {
    if let known = places[formula] { return known }
    func insertParts(_ formulas: [Formula]) -> Range<Int> {
      var nodes: [Int] = []
      for formula in formulas { nodes.append(insert(formula, pool)) }
      parts += nodes
      return parts.count - nodes.count..<parts.count
    }
    let node: Node
    switch pool[formula] {
    case .constant(let value): node = .constant(value)
    case .leaf(let leaf):
      leaves.append(leaf)
      node = .leaf(leaves.count - 1)
    case .not(let inner): node = .not(insert(inner, pool))
    case .all(let formulas): node = .all(insertParts(formulas))
    case .any(let formulas): node = .any(insertParts(formulas))
    case .exactlyOne(let formulas): node = .exactlyOne(insertParts(formulas))
    }
    nodes.append(node)
    formulas.append(formula)
    places[formula] = nodes.count - 1
    return nodes.count - 1
  }

  /// The truths of all nodes, from those of the leaves. O(nodes).
  func truths(_ leaves: [Truth]) -> [Truth] {
    var truths: [Truth] = []
    truths.reserveCapacity(nodes.count)
    for node in nodes {
      switch node {
      case .constant(let value): truths.append(Truth(value))
      case .leaf(let place): truths.append(leaves[place])
      case .not(let inner): truths.append(!truths[inner])
      case .all(let range):
        var result = Truth.yes
        for place in range {
          switch truths[parts[place]] {
          case .no: result = .no
          case .unknown: if result == .yes { result = .unknown }
          case .yes: break
          }
        }
        truths.append(result)
      case .any(let range):
        var result = Truth.no
        for place in range {
          switch truths[parts[place]] {
          case .yes: result = .yes
          case .unknown: if result == .no { result = .unknown }
          case .no: break
          }
        }
        truths.append(result)
      case .exactlyOne(let range):
        var (certain, possible) = (0, 0)
        for place in range {
          switch truths[parts[place]] {
          case .yes: certain += 1
          case .unknown: possible += 1
          case .no: break
          }
        }
        let isNone = certain > 1 || certain + possible == 0
        truths.append(isNone ? .no : possible == 0 ? .yes : .unknown)
      }
    }
    return truths
  }

  /// The number of nodes.
  var count: Int { nodes.count }

  /// The rest of a root's formula where the truths of some nodes are known.
  func remainder(of root: Int, _ truths: [Truth], _ pool: inout FormulaPool) -> Formula {
    var known = [Formula?](repeating: nil, count: nodes.count)
    return remainder(of: root, truths, &known, &pool)
  }

  private func remainder(
    of node: Int, _ truths: [Truth], _ known: inout [Formula?], _ pool: inout FormulaPool
  ) -> Formula {
    switch truths[node] {
    case .no: return .never
    case .yes: return .always
    case .unknown: break
    }
    if let result = known[node] { return result }
    func each(_ range: Range<Int>) -> (formulas: [Formula], isChanged: Bool) {
      var (formulas, isChanged) = ([Formula](), false)
      formulas.reserveCapacity(range.count)
      for place in range {
        let part = remainder(of: parts[place], truths, &known, &pool)
        isChanged = isChanged || part != self.formulas[parts[place]]
        formulas.append(part)
      }
      return (formulas, isChanged)
    }
    let result: Formula
    switch nodes[node] {
    case .constant, .leaf: result = formulas[node]
    case .not(let inner): result = pool.not(remainder(of: inner, truths, &known, &pool))
    case .all(let range):
      let each = each(range)
      result = each.isChanged ? pool.all(each.formulas) : formulas[node]
    case .any(let range):
      let each = each(range)
      result = each.isChanged ? pool.any(each.formulas) : formulas[node]
    case .exactlyOne(let range):
      let each = each(range)
      result = each.isChanged ? pool.exactlyOne(each.formulas) : formulas[node]
    }
    known[node] = result
    return result
  }

  /// A formula that is true wherever a root's may still become so, of what is possible for its leaves: see
  /// ``FormulaPool/possibility(of:isTrue:_:)``.
  func possibility(
    of root: Int, _ pool: inout FormulaPool, _ possibility: (Int, Bool) -> Formula
  ) -> Formula {
    var known = [Formula?](repeating: nil, count: nodes.count * 2)
    return self.possibility(of: root, isTrue: true, &known, &pool, possibility)
  }

  private func possibility(
    of node: Int, isTrue: Bool, _ known: inout [Formula?], _ pool: inout FormulaPool,
    _ possibility: (Int, Bool) -> Formula
  ) -> Formula {
    if let result = known[node * 2 + (isTrue ? 1 : 0)] { return result }
    func each(_ range: Range<Int>, isTrue: Bool) -> [Formula] {
      var formulas: [Formula] = []
      formulas.reserveCapacity(range.count)
      for place in range {
        formulas.append(self.possibility(of: parts[place], isTrue: isTrue, &known, &pool, possibility))
      }
      return formulas
    }
    let result: Formula
    switch nodes[node] {
    case .constant(let value): result = value == isTrue ? .always : .never
    case .leaf(let place): result = possibility(place, isTrue)
    case .not(let inner): result = self.possibility(of: inner, isTrue: !isTrue, &known, &pool, possibility)
    case .all(let range):
      let each = each(range, isTrue: isTrue)
      result = isTrue ? pool.all(each) : pool.any(each)
    case .any(let range):
      let each = each(range, isTrue: isTrue)
      result = isTrue ? pool.any(each) : pool.all(each)
    case .exactlyOne(let range) where isTrue:
      let possible = each(range, isTrue: true)
      let isFew = range.count <= FormulaPool.maxExclusive
      result = pool.possibilityOfOne(possible, denied: isFew ? each(range, isTrue: false) : nil)
    case .exactlyOne: result = .always
    }
    known[node * 2 + (isTrue ? 1 : 0)] = result
    return result
  }
}
