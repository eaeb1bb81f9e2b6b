/// The bytes of all per-sequence state: attention pages and recurrent slots, addressed by index.
///
/// The scheduler decides which sequence has which pages and slot. Page `i` is a page of every paged piece of the
/// layout, slot `i` a slot of every recurrent piece. Memory is reserved whole, and the system backs it page by page
/// when it is first written, so that an idle server holds little. Pages and slots may be more than there is memory for
/// as long as not all are written. Used by the engine's thread and its team, and for pages and slots that are lent to them
/// by others.
@safe public final class StateStore: @unchecked Sendable {
  // Safe because who writes bytes sees to it that nobody else uses them.

  /// The pieces of state that are stored.
  public let layout: StateLayout
  /// The element format of pages.
  public let kvType: KVType
  /// The number of tokens in a page.
  public let pageTokens: Int
  /// The number of pages.
  public let pageCount: Int
  /// The number of slots.
  public let slotCount: Int

  private let regions: [Region]

  private final class Region {
    let mapping: AnonymousMapping
    /// Bytes from one page or slot to the next.
    let stride: Int
    init(count: Int, stride: Int) throws(ModelError) {
      mapping = try AnonymousMapping(byteCount: count * stride)
      self.stride = stride
    }
  }

  /// Reserves `pageCount` pages of `pageTokens` tokens and `slotCount` slots for a model's state.
  ///
  /// - Throws: ``ModelError`` when the model's heads do not fit the format, or the system refuses the memory.
  public init(
    layout: StateLayout, kvType: KVType, pageTokens: Int, pageCount: Int, slotCount: Int
  ) throws(ModelError) {
    if let reason = layout.check(kvType) { throw .unsuitable("attention cache: \(reason)") }
    precondition(pageTokens > 0 && pageCount >= 0 && slotCount >= 0, "\(pageCount) pages of \(pageTokens) tokens")
    self.layout = layout
    self.kvType = kvType
    self.pageTokens = pageTokens
    self.pageCount = pageCount
    self.slotCount = slotCount
    var regions: [Region] = []
    for kind in layout.kinds {
      switch kind {
      case .paged, .latent:
        regions.append(try Region(count: pageCount, stride: pageTokens * kind.bytesPerToken(kvType)))
      case .recurrent(let count):
        // Slots start on cache lines of their own, so that threads never share one.
        regions.append(try Region(count: slotCount, stride: (count * 4 + 63) & ~63))
      }
    }
    self.regions = regions
  }

  /// The number of reserved bytes.
  public var byteCount: Int { regions.reduce(0) { $0 + $1.mapping.byteCount } }

  /// The first byte of page `page` of a paged piece.
  ///
  /// A page holds, for each head, `pageTokens` keys and then `pageTokens` values of that head, so that one
  /// head's part is contiguous; of a latent piece, `pageTokens` rows.
  package func page(_ page: Int32, of handle: StateHandle) -> UnsafeMutableRawPointer {
    precondition(page >= 0 && page < pageCount, "page \(page) of \(pageCount)")
    let region = regions[handle.index]
    return unsafe region.mapping.base + Int(page) * region.stride
  }

  /// The first float of slot `slot` of a recurrent piece.
  package func slot(_ slot: Int32, of handle: StateHandle) -> UnsafeMutablePointer<Float> {
    precondition(slot >= 0 && slot < slotCount, "slot \(slot) of \(slotCount)")
    let region = regions[handle.index]
    return unsafe (region.mapping.base + Int(slot) * region.stride).assumingMemoryBound(to: Float.self)
  }
}

extension StateStore {
  /// Gives the memory of pages and slots back to the system, but for what shares a page of memory with others.
  ///
  /// - Parameters:
  ///   - pages: The pages in ascending order. Their contents are lost.
  ///   - slots: The slots in ascending order. Their contents are lost as well.
  /// - Complexity: A system call for each row of neighbours and each piece of state.
  func giveBack(pages: [Int32], slots: [Int32]) {
    for (region, kind) in zip(regions, layout.kinds) {
      let indices = if case .recurrent = kind { slots } else { pages }
      var first = indices.startIndex
      while first < indices.endIndex {
        var end = first + 1
        while end < indices.endIndex, indices[end] == indices[end - 1] + 1 { end += 1 }
        region.mapping.giveBack(Int(indices[first]) * region.stride..<(Int(indices[end - 1]) + 1) * region.stride)
        first = end
      }
    }
  }

  /// Copies the first `tokens` tokens of a page of every paged and latent piece to another page, whose other tokens stay.
  ///
  /// - Complexity: O(bytes of the tokens).
  package func copyPage(from source: Int32, to target: Int32, tokens: Int) {
    precondition(tokens >= 0 && tokens <= pageTokens, "\(tokens) tokens of a page of \(pageTokens)")
    precondition(source != target, "page \(source) copied to itself")
    for (index, kind) in layout.kinds.enumerated() {
      let stretches = kind.stretches(kvType)
      guard stretches.count > 0 else { continue }
      let handle = StateHandle(index: index)
      let (from, to) = unsafe (page(source, of: handle), page(target, of: handle))
      for stretch in 0..<stretches.count {
        let start = stretch * pageTokens * stretches.bytesPerToken
        unsafe (to + start).copyMemory(from: from + start, byteCount: tokens * stretches.bytesPerToken)
      }
    }
  }

  /// Copies all recurrent state of a slot to another slot.
  ///
  /// A run that goes on from a state at once copies it itself, with all threads; see ``StateStart/copy(of:)``.
  ///
  /// - Complexity: O(``StateLayout/slotBytes``).
  package func copySlot(from source: Int32, to target: Int32) {
    precondition(source != target, "slot \(source) copied to itself")
    for (index, kind) in layout.kinds.enumerated() {
      guard case .recurrent(let count) = kind else { continue }
      let handle = StateHandle(index: index)
      unsafe slot(target, of: handle).update(from: slot(source, of: handle), count: count)
    }
  }
}
