/// A byte string for each id, in one flat buffer.
struct TokenBytes: Sendable {
  private var bytes: [UInt8] = []
  /// The range of each id's string in `bytes`; nil for ids without one.
  private var ranges: [Range<Int>?] = []

  /// One more than the highest id.
  var endID: Int { ranges.count }

  func contains(_ id: Int32) -> Bool { id >= 0 && Int(id) < ranges.count && ranges[Int(id)] != nil }

  /// Empty when the id has no string.
  subscript(id: Int32) -> ArraySlice<UInt8> {
    guard id >= 0, Int(id) < ranges.count, let range = ranges[Int(id)] else { return [] }
    return bytes[range]
  }

  mutating func set(_ string: some Collection<UInt8>, for id: Int32) {
    while ranges.count <= Int(id) { ranges.append(nil) }
    let start = bytes.count
    bytes.append(contentsOf: string)
    ranges[Int(id)] = start..<bytes.count
  }

  func isEqual(_ id: Int32, to string: Span<UInt8>) -> Bool {
    guard let range = ranges[Int(id)], range.count == string.count else { return false }
    for offset in 0..<range.count where bytes[range.lowerBound + offset] != string[offset] { return false }
    return true
  }
}

/// Tokens ↔ ids, through an open-addressing index.
///
/// Not a dictionary of strings, because Swift takes canonically equivalent strings for equal and a vocabulary does not,
/// and because looking a piece up must not allocate.
struct Vocabulary: Sendable {
  private(set) var tokens = TokenBytes()
  /// Ids, or -1 for a free slot; a power of two in size and at most half full.
  private var slots: [Int32]
  private var count = 0

  init(minimumCapacity: Int = 0) {
    var size = 16
    while size < 2 * minimumCapacity { size *= 2 }
    slots = Array(repeating: -1, count: size)
  }

  func id(of token: Span<UInt8>) -> Int32? {
    let id = slots[slot(for: token)]
    return id < 0 ? nil : id
  }

  func id(of token: [UInt8]) -> Int32? { id(of: token.span) }

  func id(of token: String) -> Int32? { id(of: Array(token.utf8)) }

  /// Adds a token under an id that has none; false, and no change, when the token or the id is taken.
  mutating func insert(_ token: [UInt8], id: Int32) -> Bool {
    if 2 * (count + 1) > slots.count { grow() }
    let slot = slot(for: token.span)
    guard slots[slot] < 0, !tokens.contains(id) else { return false }
    tokens.set(token, for: id)
    slots[slot] = id
    count += 1
    return true
  }

  private mutating func grow() {
    slots = Array(repeating: -1, count: 2 * slots.count)
    for id in 0..<Int32(tokens.endID) where tokens.contains(id) { slots[slot(for: Array(tokens[id]).span)] = id }
  }

  /// The slot that holds `token`, or the free one where it belongs.
  private func slot(for token: Span<UInt8>) -> Int {
    var slot = Self.hash(token) & (slots.count - 1)
    while slots[slot] >= 0, !tokens.isEqual(slots[slot], to: token) { slot = (slot + 1) & (slots.count - 1) }
    return slot
  }

  /// FNV-1a with a final mix, because the slot comes from the low bits.
  private static func hash(_ bytes: Span<UInt8>) -> Int {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for index in bytes.indices { hash = (hash ^ UInt64(bytes[index])) &* 0x100_0000_01b3 }
    return Int(truncatingIfNeeded: hash ^ hash >> 32)
  }
}
