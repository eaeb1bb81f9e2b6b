import TestSupport
import Testing

@testable import InferText

/// Formulas laid out in a table say the same as in the pool.
@Suite struct FormulaTableTests {
  private static func formula(
    depth: Int, _ pool: inout FormulaPool, _ random: inout SeededGenerator
  ) -> Formula {
    guard depth > 0, Int.random(in: 0..<5, using: &random) > 0 else {
      return pool.leaf(.outcome(Int.random(in: 0..<5, using: &random)))
    }
    let parts = (0..<Int.random(in: 1...4, using: &random)).map { _ in formula(depth: depth - 1, &pool, &random) }
    switch Int.random(in: 0..<4, using: &random) {
    case 0: return pool.all(parts)
    case 1: return pool.any(parts)
    case 2: return pool.exactlyOne(parts)
    default: return pool.not(parts[0])
    }
  }

  @Test func areThoseOfThePool() {
    var (random, seen) = (SeededGenerator(seed: 2), Set<Truth>())
    for _ in 0..<2000 {
      var pool = FormulaPool()
      let formulas = (0..<2).map { _ in Self.formula(depth: 4, &pool, &random) }
      let table = FormulaTable(formulas, in: pool)
      let known = (0..<5).map { _ in [Truth.no, .unknown, .yes].randomElement(using: &random) ?? .no }
      func truth(_ leaf: SchemaLeaf) -> Truth { if case .outcome(let index) = leaf { known[index] } else { .unknown } }
      let truths = table.truths(table.leaves.map(truth))
      for (formula, root) in zip(formulas, table.roots) {
        #expect(truths[root] == pool.truth(of: formula, truth))
        seen.insert(truths[root])
        let rest = pool.replacing(formula) { leaf in
          switch truth(leaf) {
          case .no: .never
          case .unknown: nil
          case .yes: .always
          }
        }
        #expect(table.remainder(of: root, truths, &pool) == rest)
        // What is possible for a leaf is another statement, and for some of them nothing or anything.
        let others = (0..<10).map { index in
          index % 3 == 0 ? .always : index % 3 == 1 ? .never : pool.leaf(.outcome(10 + index))
        }
        func possibility(_ leaf: SchemaLeaf, _ isTrue: Bool) -> Formula {
          if case .outcome(let index) = leaf { others[index * 2 + (isTrue ? 1 : 0)] } else { .always }
        }
        let possible = pool.possibility(of: formula, possibility)
        #expect(table.possibility(of: root, &pool) { possibility(table.leaves[$0], $1) } == possible)
      }
    }
    #expect(seen.count == 3)
  }
}
