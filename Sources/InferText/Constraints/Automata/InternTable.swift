/// Values by number, each stored once, in the order in which they came.
///
/// Growing moves no value and hashes none again, so that no insertion takes much longer than others. A copy shares what was
/// there before.
struct InternTable<Element: Hashable> {
  private struct Slot {
    var number: Int32 = -1
    /// The lower half of the value's hash.
    var hash: UInt32 = 0
  }

  private static var chunkBits: Int { 9 }

  private var chunks: [[Element]] = []
  private(set) var count = 0
  /// At least twice as many as there are values; a value is in the first free one from that of its hash on.
  private var slots = [Slot](repeating: Slot(), count: 16)

  /// The value of a number.
  subscript(number: Int) -> Element {
    precondition(number >= 0 && number < count, "value \(number) of \(count)")
    return chunks[number >> Self.chunkBits][number & (1 << Self.chunkBits - 1)]
  }

  /// The number of a value; `nil` where it is not there. O(1).
  func number(of element: Element) -> Int? {
    let slot = slots[place(of: element, hash: Self.hash(of: element))]
    return slot.number < 0 ? nil : Int(slot.number)
  }

  /// The number of a value, which is one more than the last where it was not there. O(1), amortised.
  mutating func insert(_ element: Element) -> (isNew: Bool, number: Int) {
    let hash = Self.hash(of: element)
    let place = place(of: element, hash: hash)
    if slots[place].number >= 0 { return (false, Int(slots[place].number)) }
    slots[place] = Slot(number: Int32(count), hash: hash)
    if count & (1 << Self.chunkBits - 1) == 0 {
      chunks.append([])
      chunks[chunks.count - 1].reserveCapacity(1 << Self.chunkBits)
    }
    chunks[chunks.count - 1].append(element)
    count += 1
    if count * 2 > slots.count { grow() }
    return (true, count - 1)
  }

  private static func hash(of element: Element) -> UInt32 { UInt32(truncatingIfNeeded: element.hashValue) }

  private func place(of element: Element, hash: UInt32) -> Int {
    var place = Int(hash) & (slots.count - 1)
    while slots[place].number >= 0 {
      if slots[place].hash == hash, self[Int(slots[place].number)] == element { break }
      place = (place + 1) & (slots.count - 1)
    }
    return place
  }

  private mutating func grow() {
    var grown = [Slot](repeating: Slot(), count: slots.count * 2)
    for slot in slots where slot.number >= 0 {
      var place = Int(slot.hash) & (grown.count - 1)
      while grown[place].number >= 0 { place = (place + 1) & (grown.count - 1) }
      grown[place] = slot
    }
    slots = grown
  }
}
