/// The bytes of all per-sequence state: attention pages and recurrent slots, addressed by index.
///
/// The scheduler decides which sequence has which pages and slot. Page `i` is a page of every paged piece of one group of the
/// layout, whichever takes it, slot `i` a slot of every recurrent piece. Memory is reserved whole, and the system backs it page by page
/// when it is first written, so that an idle server holds little. Pages and slots may be more than there is memory for
/// as long as not all are written. Used by the engine's thread and its team, and for pages and slots that are lent to them
/// by others.
@safe package final class StateStore: @unchecked Sendable {
  // Safe because who writes bytes sees to it that nobody else uses them.

  /// The pieces of state that are stored.
  package let layout: StateLayout
  /// The element format of pages.
  package let kvType: KVType
  /// The number of tokens in a page.
  package let pageTokens: Int
  /// The number of pages.
  package let pageCount: Int
  /// The number of slots.
  package let slotCount: Int
  /// The number of cold slots, whose indices follow those of the others.
  package let coldSlotCount: Int

  /// The groups of paged pieces.
  let groups: PageGroups
  /// The number of groups: of pages in a row of a sequence's table.
  let groupCount: Int
  /// For each piece, its group and its lane; 0 and −1 for recurrent ones, and −1 for those of other stages.
  private let groupOfPiece, laneOfPiece: [Int]
  /// The pages, by lane.
  private let pageRegions: [Region]
  /// The slots of recurrent pieces, and their cold slots; none of others.
  private let slotRegions, coldRegions: [Region?]

  private final class Region {
    let mapping: AnonymousMapping
    /// Bytes from one page or slot to the next.
    let stride: Int
    init(count: Int, stride: Int) throws(ModelError) {
      mapping = try AnonymousMapping(byteCount: count * stride)
      self.stride = stride
    }

    /// Gives memory back to the system, of ascending indices, which begin with `first`.
    func giveBack(_ indices: ArraySlice<Int32>, from first: Int32 = 0) {
      var start = indices.startIndex
      while start < indices.endIndex {
        var end = start + 1
        while end < indices.endIndex, indices[end] == indices[end - 1] + 1 { end += 1 }
        mapping.giveBack(Int(indices[start] - first) * stride..<Int(indices[end - 1] + 1 - first) * stride)
        start = end
      }
    }
  }

  /// Reserves `pageCount` pages of `pageTokens` tokens, `slotCount` slots and `coldSlotCount` cold ones for a model's state.
  ///
  /// - Throws: ``ModelError`` when the model's heads do not fit the format, or the system refuses the memory.
  package init(
    layout: StateLayout, kvType: KVType, pageTokens: Int, pageCount: Int, slotCount: Int, coldSlotCount: Int = 0
  ) throws(ModelError) {
    if let reason = layout.check(kvType) { throw .unsuitable("attention cache: \(reason)") }
    precondition(
      pageTokens > 0 && pageCount >= 0 && slotCount >= 0 && coldSlotCount >= 0,
      "\(pageCount) pages of \(pageTokens) tokens, \(slotCount) and \(coldSlotCount) slots")
    self.layout = layout
    self.kvType = kvType
    self.pageTokens = pageTokens
    self.pageCount = pageCount
    self.slotCount = slotCount
    self.coldSlotCount = coldSlotCount
    groups = layout.pageGroups
    groupCount = groups.windows.count
    groupOfPiece = groups.places.map { $0?.group ?? 0 }
    laneOfPiece = groups.places.indices.map { [groups] in layout.isHere($0) ? groups.places[$0]?.lane ?? -1 : -1 }
    var pageRegions: [Region] = []
    for bytes in layout.laneBytesPerToken(kvType) {
      pageRegions.append(try Region(count: pageCount, stride: pageTokens * bytes))
    }
    self.pageRegions = pageRegions
    var (slotRegions, coldRegions): ([Region?], [Region?]) = ([], [])
    for (piece, kind) in layout.kinds.enumerated() {
      guard case .recurrent(let count) = kind, layout.isHere(piece) else {
        slotRegions.append(nil)
        coldRegions.append(nil)
        continue
      }
      slotRegions.append(try Region(count: slotCount, stride: Self.lines(count * MemoryLayout<Float>.stride)))
      coldRegions.append(try Region(count: coldSlotCount, stride: Self.lines(ColdFormat.byteCount(count))))
    }
    self.slotRegions = slotRegions
    self.coldRegions = coldRegions
  }

  /// Bytes rounded up to whole cache lines: slots start on lines of their own, so that threads never share one.
  static func lines(_ bytes: Int) -> Int { (bytes + 63) & ~63 }

  /// The number of reserved bytes.
  package var byteCount: Int {
    pageRegions.reduce(0) { $0 + $1.mapping.byteCount }
      + (slotRegions + coldRegions).reduce(0) { $0 + ($1?.mapping.byteCount ?? 0) }
  }

  /// The rows of sequences' pages.
  package var rows: PageRows { PageRows(pageTokens: pageTokens, windows: groups.windows) }

  /// The first byte of page `page` of a paged piece.
  ///
  /// A page holds, for each head, `pageTokens` keys and then `pageTokens` values of that head, so that one
  /// head's part is contiguous; of a latent piece, `pageTokens` rows.
  package func page(_ page: Int32, of handle: StateHandle) -> UnsafeMutableRawPointer {
    precondition(page >= 0 && page < pageCount, "page \(page) of \(pageCount)")
    let lane = laneOfPiece[handle.index]
    precondition(lane >= 0, "piece \(handle.index) has no pages")
    let region = pageRegions[lane]
    return unsafe region.mapping.base + Int(page) * region.stride
  }

  /// The group of a paged piece.
  func group(of handle: StateHandle) -> Int { groupOfPiece[handle.index] }

  /// The first float of slot `slot` of a recurrent piece.
  package func slot(_ slot: Int32, of handle: StateHandle) -> UnsafeMutablePointer<Float> {
    precondition(slot >= 0 && slot < slotCount, "slot \(slot) of \(slotCount)")
    guard let region = slotRegions[handle.index] else {
      preconditionFailure("piece \(handle.index) of \(layout.kinds) has no slots")
    }
    return unsafe (region.mapping.base + Int(slot) * region.stride).assumingMemoryBound(to: Float.self)
  }

  /// The first byte of cold slot `slot` of a recurrent piece, in ``ColdFormat``.
  func coldSlot(_ slot: Int32, of handle: StateHandle) -> UnsafeMutableRawPointer {
    guard isCold(slot), Int(slot) < slotCount + coldSlotCount, let region = coldRegions[handle.index] else {
      preconditionFailure("cold slot \(slot) of \(slotCount)..<\(slotCount + coldSlotCount)")
    }
    return unsafe region.mapping.base + (Int(slot) - slotCount) * region.stride
  }

  /// `true` for the index of a cold slot.
  func isCold(_ slot: Int32) -> Bool { Int(slot) >= slotCount }
}

extension StateStore {
  /// Gives the memory of pages and slots back to the system, but for what shares a page of memory with others.
  ///
  /// - Parameters:
  ///   - pages: The pages in ascending order. Their contents are lost.
  ///   - slots: The slots in ascending order, cold ones included. Their contents are lost as well.
  /// - Complexity: A system call for each row of neighbours and each piece of state.
  func giveBack(pages: [Int32], slots: [Int32]) {
    let warmCount = slots.firstIndex(where: isCold) ?? slots.endIndex
    for region in pageRegions { region.giveBack(pages[...]) }
    for index in layout.kinds.indices {
      slotRegions[index]?.giveBack(slots[..<warmCount])
      coldRegions[index]?.giveBack(slots[warmCount...], from: Int32(slotCount))
    }
  }

  /// Copies the first `tokens` tokens of a page of every piece of a group to another page, whose other tokens stay.
  ///
  /// - Complexity: O(bytes of the tokens).
  package func copyPage(from source: Int32, to target: Int32, tokens: Int, group: Int = 0) {
    precondition(tokens >= 0 && tokens <= pageTokens, "\(tokens) tokens of a page of \(pageTokens)")
    precondition(source != target, "page \(source) copied to itself")
    for (index, kind) in layout.kinds.enumerated() where groups.places[index]?.group == group && layout.isHere(index) {
      let stretches = kind.stretches(kvType)
      let handle = StateHandle(index: index)
      let (from, to) = unsafe (page(source, of: handle), page(target, of: handle))
      for stretch in 0..<stretches.count {
        let start = stretch * pageTokens * stretches.bytesPerToken
        unsafe (to + start).copyMemory(from: from + start, byteCount: tokens * stretches.bytesPerToken)
      }
    }
  }

  /// Copies all recurrent state of a slot to another slot, each of which may be a cold one, but not both.
  ///
  /// A run that goes on from a state at once copies it itself; see `StateStart.copy(of:)`.
  ///
  /// - Parameter team: Threads to copy with; `nil` for the caller's alone.
  /// - Complexity: O(``StateLayout/slotBytes``).
  package func copySlot(from source: Int32, to target: Int32, _ team: ThreadTeam? = nil) {
    precondition(source != target, "slot \(source) copied to itself")
    guard let team else {
      for piece in layout.kinds.indices { copyPiece(piece, from: source, to: target) }
      return
    }
    unsafe team.forEach(layout.kinds.count) { piece, _ in copyPiece(piece, from: source, to: target) }
  }

  private func copyPiece(_ piece: Int, from source: Int32, to target: Int32) {
    guard case .recurrent(let count) = layout.kinds[piece], layout.isHere(piece) else { return }
    let handle = StateHandle(index: piece)
    switch (isCold(source), isCold(target)) {
    case (false, false): unsafe slot(target, of: handle).update(from: slot(source, of: handle), count: count)
    case (false, true):
      unsafe ColdFormat.pack(slot(source, of: handle), into: coldSlot(target, of: handle), count: count)
    case (true, false):
      unsafe ColdFormat.unpack(coldSlot(source, of: handle), into: slot(target, of: handle), count: count)
    case (true, true): preconditionFailure("cold slot \(source) copied to cold slot \(target)")
    }
  }
}
