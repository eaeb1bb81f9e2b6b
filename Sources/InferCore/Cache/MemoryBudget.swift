/// The bytes that pages and slots may take together.
struct MemoryBudget: Equatable {
  /// The number of bytes.
  let bytes: Int
  /// The size of a page in bytes; 0 when pages take no memory.
  let pageBytes: Int
  /// The size of a slot in bytes; 0 when slots take no memory.
  let slotBytes: Int
  /// The number of slots whose bytes are set aside, so that no page can take them.
  let reservedSlots: Int

  /// A budget that is never used up.
  static let unlimited = MemoryBudget(bytes: .max, pageBytes: 0, slotBytes: 0, reservedSlots: 0)

  /// The bytes of so many pages and slots, those that are set aside included.
  func byteCount(pages: Int, slots: Int) -> Int { pages * pageBytes + max(slots, reservedSlots) * slotBytes }

  /// The number of pages that there is room for beside so many slots.
  func pageCount(besideSlots slots: Int) -> Int {
    pageBytes == 0 ? .max : (bytes - byteCount(pages: 0, slots: slots)) / pageBytes
  }
}
