import TestSupport
import Testing

@testable import InferText

@Suite struct InternTableTests {
  /// Values that have the same hash.
  private struct Colliding: Hashable {
    let value: Int
    func hash(into hasher: inout Hasher) { hasher.combine(value % 3) }
  }

  @Test func valuesAreNumberedInTheOrderInWhichTheyCome() {
    var random = SeededGenerator(seed: 3)
    var table = InternTable<Colliding>()
    var numbers: [Int: Int] = [:]
    for _ in 0..<4000 {
      let value = Int.random(in: 0..<900, using: &random)
      let (isNew, number) = table.insert(Colliding(value: value))
      #expect(isNew == (numbers[value] == nil))
      #expect(number == numbers[value, default: numbers.count])
      numbers[value] = number
    }
    #expect(table.count == numbers.count)
    for value in 0..<1000 {
      #expect(table.number(of: Colliding(value: value)) == numbers[value])
      if let number = numbers[value] { #expect(table[number].value == value) }
    }
  }

  @Test func aCopyHasWhatWasThereBefore() {
    var table = InternTable<Int>()
    for value in 0..<1500 { _ = table.insert(value) }
    let copy = table
    for value in 1500..<4000 { _ = table.insert(value) }
    #expect(copy.count == 1500)
    #expect(copy.number(of: 2000) == nil)
    #expect(table.number(of: 2000) == 2000)
    #expect(copy[1499] == 1499)
  }
}
