import Testing

@testable import InferCore

@Suite struct CacheDivisionTests {
  private static let mebibyte = 1 << 20

  /// Pages of 1 MiB that hold 16 tokens, slots of 10 MiB, and a context of 100 pages.
  private func divide(
    kv: Int?, state: Int, machine mebibytes: Int = 1 << 20, available: Int? = nil,
    group: (limit: Int, left: Int)? = nil,
    activations: Int = 0, slot: Int = 10, page: Int = 1, _ change: (inout EngineConfiguration) -> Void = { _ in }
  ) throws(ConfigurationError) -> CacheDivision {
    var configuration = EngineConfiguration()
    configuration.kvCacheMiB = kv
    configuration.stateCacheMiB = state
    configuration.maxRunning = 4
    change(&configuration)
    let machine = MachineLimits(
      ControlGroups(
        memoryLimit: group.map { $0.limit * Self.mebibyte }, memoryLeft: group.map { $0.left * Self.mebibyte }),
      processors: 4, allowed: 4, memoryBytes: mebibytes * Self.mebibyte,
      availableBytes: available.map { $0 * Self.mebibyte })
    let sizes = CacheDivision.Sizes(
      rows: PageRows(pageTokens: configuration.pageTokens), page: page * Self.mebibyte, slot: slot * Self.mebibyte,
      coldSlot: slot * Self.mebibyte / 4, context: 1600)
    return try CacheDivision(
      configuration, sizes, machine: machine, activationBytes: activations * Self.mebibyte)
  }

  private func refusal(_ body: () throws(ConfigurationError) -> CacheDivision) -> ConfigurationError? {
    do throws(ConfigurationError) {
      _ = try body()
      return nil
    } catch { return error }
  }

  @Test func bothOptionsAreOneBudget() throws {
    let division = try divide(kv: 200, state: 100)
    #expect(division.budget.bytes == 300 * Self.mebibyte && division.budget.reservedSlots == 4)
    #expect(division.maxRunning == 4 && division.pageCount == 260 && division.slotCount == 30)
    // Slots of running sequences come out of the part for state, as ever.
    #expect(try divide(kv: 200, state: 25).maxRunning == 2)
    #expect(try divide(kv: 200, state: 25).pageCount == 205)
    #expect(refusal { () throws(ConfigurationError) in try divide(kv: 200, state: 9) }?.property == .stateCacheMiB)
    #expect(refusal { () throws(ConfigurationError) in try divide(kv: 0, state: 100) }?.property == .kvCacheMiB)
  }

  @Test func coldStatesHaveMemoryOfTheirOwn() throws {
    let (without, division) = (
      try divide(kv: 200, state: 100), try divide(kv: 200, state: 100) { $0.coldStateMiB = 50 }
    )
    #expect(without.coldSlotCount == 0 && division.coldSlotCount == 20 && division.budget == without.budget)
    let found = try divide(kv: nil, state: 100, available: 2000).budget.bytes
    let left = try divide(kv: nil, state: 100, available: 2000) { $0.coldStateMiB = 500 }.budget.bytes
    #expect(left == found - 500 * Self.mebibyte)
    func refused(_ cold: Int, slot: Int = 10, machine: Int = 1 << 20) -> ConfigurationError.Property? {
      refusal { () throws(ConfigurationError) in
        try divide(kv: 200, state: 100, machine: machine, slot: slot) { $0.coldStateMiB = cold }
      }?.property
    }
    #expect(refused(1) == .coldStateMiB && refused(9, slot: 0) == .coldStateMiB)
    #expect(refused(400, machine: 500) == .coldStateMiB && refused(230, machine: 460) == .kvCacheMiB)
  }

  @Test func nothingIsKeptBesideWhatRunsUnlessItMay() throws {
    let division = try divide(kv: 1000, state: 1000) { $0.keepsPrefixes = false }
    #expect(division.pageCount == 400 && division.slotCount == 4 && division.budget.bytes == 440 * Self.mebibyte)
    let tight = try divide(kv: 100, state: 100) { $0.keepsPrefixes = false }
    #expect(tight.pageCount == 160 && tight.slotCount == 4 && tight.budget.bytes == 200 * Self.mebibyte)
    let single = try divide(kv: 10, state: 10) { $0.maxRunning = 1 }
    #expect(single.pageCount == 10 && single.slotCount == 1 && single.budget.reservedSlots == 1)
    let second = try divide(kv: 10, state: 20) { $0.maxRunning = 1 }
    #expect(second.pageCount == 10 && second.slotCount == 3 && second.budget.reservedSlots == 2)
  }

  /// Half of what the machine has left is for what is kept, and what runs is refused where there is none.
  @Test func theMachineBoundsTheBudget() throws {
    #expect(try divide(kv: 300, state: 1000, machine: 600).budget.bytes == (340 + 130) * Self.mebibyte)
    let error = refusal { () throws(ConfigurationError) in try divide(kv: 300, state: 1000, machine: 339) }
    #expect(error?.property == .kvCacheMiB && error?.reason.contains("339") == true)
  }

  @Test func autoTakesWhatIsLeft() throws {
    // An eighth of 4,000 MiB is a margin.
    let division = try divide(kv: nil, state: 100, available: 4000, activations: 300)
    #expect(division.budget.bytes == 3200 * Self.mebibyte)
    #expect(division.maxRunning == 4 && division.pageCount == 3160 && division.slotCount == 320)
    // Of little, 256 MiB.
    #expect(try divide(kv: nil, state: 100, available: 600).budget.bytes == 344 * Self.mebibyte)
    // The control group counts where it has less than the machine.
    let inGroup = try divide(kv: nil, state: 100, available: 9000, group: (limit: 3000, left: 1000))
    #expect(inGroup.budget.bytes == 744 * Self.mebibyte)
    #expect(try divide(kv: nil, state: 100, available: 1000, group: (9000, 8000)).budget.bytes == 744 * Self.mebibyte)
    // Half of it at most is set aside.
    let small = try divide(kv: nil, state: 4000, available: 296)
    #expect(small.maxRunning == 2 && small.pageCount == 20 && small.budget.bytes == 40 * Self.mebibyte)
    for available in [0, 256, 270] {
      let error = refusal { () throws(ConfigurationError) in try divide(kv: nil, state: 100, available: available) }
      #expect(error?.property == .kvCacheMiB, "\(available)")
    }
  }

  /// No more is told than there are pages and slots for.
  @Test func hugeMemoryIsBoundedByItsBookkeeping() throws {
    let division = try divide(kv: nil, state: 100, machine: 1 << 40, available: 1 << 40)
    #expect(division.pageCount == 400 + 65536 && division.slotCount == 4 + 4096)
    #expect(division.budget.bytes == (65936 + 41000) * Self.mebibyte)
    let empty = try divide(kv: nil, state: 100, available: 9000, slot: 0, page: 0)
    #expect(empty.budget.bytes == 0 && empty.maxRunning == 4 && empty.pageCount == 400)
    let unknown = try divide(kv: nil, state: 100, machine: 8000)
    #expect(unknown.budget.bytes == 7000 * Self.mebibyte)
  }
}
