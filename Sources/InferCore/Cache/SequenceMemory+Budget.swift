/// Pages and slots in one budget of bytes.
///
/// Both kinds have addresses for more than the budget, and what counts is memory that the system backs: an index that was
/// given back stays backed and is taken again first. A kind grows while the sum is within the budget, otherwise by what
/// the other kind has free, and if that has nothing, by what is worth least: pages behind all states, which nobody can go
/// on from, then states. A page costs a state only where states have more slots than are set aside for running sequences.
///
/// Memory that changes kinds goes back to the system in between. A slot is large and goes back as a whole. Pages are small
/// and scattered: they go back when a slot needs their bytes, as many at a time as it takes, sorted, so that neighbours
/// are one call. Until then free pages stay backed.
extension SequenceMemory {
  /// Indices whose memory is to go back to the system before anything is written.
  struct Released {
    var pages: [Int32] = []
    var slots: [Int32] = []
    var isEmpty: Bool { pages.isEmpty && slots.isEmpty }
  }

  /// The bytes that the system may have backed, those that are set aside for slots included.
  var byteCount: Int { budget.byteCount(pages: pages.backedCount, slots: slots.backedCount) }

  // MARK: Taking

  /// A page for a sequence, if need be one that only the cache holds, or that is lent.
  mutating func takePage() -> Int32? {
    while true {
      if let page = takeIdlePage() { return page }
      guard takeBackLease() else { return nil }
    }
  }

  /// A slot for a sequence, if need be that of a kept state, or one that is lent.
  mutating func takeSlot() -> Int32? {
    while true {
      if let slot = takeIdleSlot() { return slot }
      guard takeBackLease() else { return nil }
    }
  }

  /// A page that is free or that only the cache holds.
  mutating func takeIdlePage() -> Int32? {
    while true {
      if let page = takeFreePage() { return page }
      guard evictForPages() else { return nil }
    }
  }

  /// A slot that is free or that of a kept state that nobody uses.
  mutating func takeIdleSlot() -> Int32? {
    if let slot = takeFreeSlot() { return slot }
    if slots.freeCount > 0, budget.pageBytes > 0, evictForSlot(), let slot = takeFreeSlot() { return slot }
    evictState()
    return takeFreeSlot()
  }

  /// A slot for a state that is kept in passing, unless it would take bytes of which running sequences may need so many
  /// pages.
  mutating func takeSpareSlot(leaving pages: Int) -> Int32? {
    hasBytes(forPages: pages, takingSlots: 1) ? takeIdleSlot() : nil
  }

  /// `true` when so many pages are free or held by the cache alone, and there are bytes for them beside so many slots
  /// more that sequences hold. O(1).
  func hasPages(_ count: Int, takingSlots slots: Int = 0) -> Bool {
    pages.freeCount + pages.idleCount >= count && hasBytes(forPages: count, takingSlots: slots)
  }

  private func hasBytes(forPages count: Int, takingSlots more: Int) -> Bool {
    let busySlots = slots.takenCount - slots.idleCount + more
    guard busySlots > budget.reservedSlots else { return true }
    return budget.pageCount(besideSlots: busySlots) - (pages.takenCount - pages.idleCount) >= count
  }

  private mutating func takeFreePage() -> Int32? {
    guard pages.freeBackedCount == 0 else { return pages.take() }
    guard pages.freeCount > 0 else { return nil }
    while !fits(pages: 1), slots.backedCount > budget.reservedSlots, let slot = slots.release() {
      released.slots.append(slot)
    }
    guard fits(pages: 1), let page = pages.take() else { return nil }
    // One whose memory was to go back is still backed.
    if !released.pages.isEmpty { released.pages.removeAll { $0 == page } }
    return page
  }

  private mutating func takeFreeSlot() -> Int32? {
    guard slots.freeBackedCount == 0 else { return slots.take() }
    guard slots.freeCount > 0 else { return nil }
    if !fits(slots: 1), missingPages <= pages.freeBackedCount {
      for _ in 0..<missingPages {
        if let page = pages.release() { released.pages.append(page) }
      }
    }
    guard fits(slots: 1), let slot = slots.take() else { return nil }
    if !released.slots.isEmpty { released.slots.removeAll { $0 == slot } }
    return slot
  }

  private func fits(pages: Int = 0, slots: Int = 0) -> Bool {
    let (pages, slots) = (self.pages.backedCount + pages, self.slots.backedCount + slots)
    return budget.byteCount(pages: pages, slots: slots) <= budget.bytes
  }

  /// The number of pages whose bytes one more slot takes.
  private var missingPages: Int {
    guard budget.pageBytes > 0 else { return .max }
    let missing = budget.byteCount(pages: pages.backedCount, slots: slots.backedCount + 1) - budget.bytes
    return (max(0, missing) + budget.pageBytes - 1) / budget.pageBytes
  }

  /// Gives up about a 64th of all pages, or states of as many bytes. Returns whether there was anything.
  private mutating func evictForPages() -> Bool {
    let count = 1 + pages.count / 64
    // Where bytes are missing, and not indices, a state gives way to many pages.
    guard budget.slotBytes > 0, pages.freeCount > 0, slots.backedCount > budget.reservedSlots else {
      return evictPages(count) > 0
    }
    let dead = evictPages(count, behindStates: true)
    var missing = (count - dead) * budget.pageBytes
    while missing > 0, slots.backedCount - slots.freeBackedCount > budget.reservedSlots, evictState() {
      missing -= budget.slotBytes
    }
    return dead > 0 || slots.freeBackedCount > 0 || evictPages(count) > 0
  }

  /// Gives up pages behind all states for a slot, unless there were too few and hardly a state was evicted since, which
  /// is what such pages come from. Returns whether there were enough.
  private mutating func evictForSlot() -> Bool {
    guard counts.evictedStates - deadPagesScan > slots.count / 64 else { return false }
    let missing = missingPages - pages.freeBackedCount
    guard evictPages(max(missing, 1 + pages.count / 64), behindStates: true) < missing else { return true }
    deadPagesScan = counts.evictedStates
    return false
  }

  // MARK: Giving back

  /// Has all free memory go back to the system.
  mutating func releaseFree() {
    while let page = pages.release() { released.pages.append(page) }
    while let slot = slots.release() { released.slots.append(slot) }
    while let slot = coldSlots.release() { released.slots.append(Int32(slots.count) + slot) }
  }

  /// Calls `body` with the indices whose memory is to go back to the system, in ascending order, unless there are none.
  mutating func giveBack(_ body: (Released) -> Void) {
    guard !released.isEmpty else { return }
    released.pages.sort()
    released.slots.sort()
    body(released)
    released.pages.removeAll(keepingCapacity: true)
    released.slots.removeAll(keepingCapacity: true)
  }
}
