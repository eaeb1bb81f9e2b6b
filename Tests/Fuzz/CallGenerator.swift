import TestSupport

/// Templates with one call each: everything a template can call in turn, with values at the edges of what it takes.
struct CallGenerator {
  private var random: SeededGenerator
  private var index: Int

  init(seed: UInt64) {
    random = SeededGenerator(seed: seed)
    index = Int.random(in: 0..<TemplateCalls.expressions.count, using: &random)
  }

  mutating func next() -> [UInt8] {
    defer { index = (index + 1) % TemplateCalls.expressions.count }
    let values = ["x", "a", "b"].map { "{% set \($0) = \(TemplateCalls.edges.randomElement(using: &random) ?? "0") %}" }
    return Array((values.joined() + "{{ \(TemplateCalls.expressions[index]) }}").utf8)
  }
}
