import TestSupport

/// Templates with one call each: everything a template can call in turn, with values at the edges of what it takes, and
/// every hundredth time over and over, so that work which is not paid for takes too long.
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
    let expression = TemplateCalls.expressions[index]
    let isRepeated = Int.random(in: 0..<100, using: &random) == 0
    let call = isRepeated ? TemplateCalls.repeated(expression) : "{{ \(expression) }}"
    return Array((values.joined() + call).utf8)
  }
}
