import TestSupport
import Testing

@testable import infer_serve

@Suite struct ContextFitTests {
  @Test func roomIsKeptForTheAnswer() {
    func limit(_ maxTokens: Int?, usual: Int? = nil, minTokens: Int = 0) -> Int {
      ContextFit(context: 1000, maxTokens: maxTokens, usual: usual, minTokens: minTokens).limit
    }
    #expect(limit(nil) == 875 && limit(nil, usual: 16) == 984 && limit(nil, usual: 500) == 875)
    #expect(limit(100) == 900 && limit(.max) == 500 && limit(0) == 1000)
    #expect(limit(100, minTokens: 100) == 900 && limit(nil, minTokens: 300) == 700 && limit(nil, minTokens: .max) == 1)
  }

  /// As a conversation grows, what is left out stays the same for a while, and what is left always fits.
  @Test func whatIsLeftOutStaysTheSameForAWhile() throws {
    var random = SeededGenerator(seed: 4)
    let fit = ContextFit(context: 1100, maxTokens: 100, usual: nil, minTokens: 0)
    var (sizes, dropped, changes, shifts) = ([Int](), 0, 0, 0)
    for _ in 0..<300 {
      sizes.append(Int.random(in: 5..<40, using: &random))
      let total = 150 + sizes.reduce(0, +)
      guard total > fit.limit else { continue }
      let length = try #require(fit.length(of: total, least: 150 + (sizes.last ?? 0)))
      #expect(length <= fit.limit && length > fit.limit * 3 / 4 - 1)
      func size(_ count: Int) -> Int { 150 + sizes.dropFirst(count).reduce(0, +) }
      var tried = 0
      let count = try ContextFit.fewest(of: sizes.count - 1, for: length) { count in
        tried += 1
        return size(count)
      }
      #expect(size(count) <= length && size(count - 1) > length && tried <= 20)
      #expect(count >= dropped)
      shifts += 1
      if count != dropped { changes += 1 }
      dropped = count
    }
    // A quarter of 1,000 tokens is eleven turns.
    #expect(shifts > 250 && changes * 8 < shifts, "\(changes) changes in \(shifts) shifts")
  }

  @Test func smallerPartsAreTakenWhereQuartersTouchWhatStays() {
    let fit = ContextFit(context: 1000, maxTokens: 0, usual: nil, minTokens: 0)
    #expect(fit.length(of: 1001, least: 750) == 751)
    #expect(fit.length(of: 1001, least: 800) == 876)
    #expect(fit.length(of: 1001, least: 1000) == 1000 && fit.length(of: 1001, least: 1001) == nil)
    #expect(fit.length(of: .max / 2, least: 1) ?? 0 > 750)
  }
}
