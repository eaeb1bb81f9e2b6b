/// A part of a sequence's state that is copied in one go.
enum StatePart {
  /// Rows of a page of a group, of every piece there; `nil` for a page that is not there.
  case rows(Range<Int>, page: Int32?, group: Int)
  /// A recurrent piece in a slot.
  case piece(StateHandle, slot: Int32)
}

extension StateLayout {
  /// The bytes of the state of some positions, after the last of them, without what only aligns it.
  func bytes(of positions: Range<Int>, type: KVType) -> Int {
    kinds.indices.reduce(0) { sum, index in
      guard isHere(index) else { return sum }
      if case .recurrent(let count) = kinds[index] { return sum + count * MemoryLayout<Float>.stride }
      return sum + Self.seen(positions, window: windows[index]).count * kinds[index].bytesPerToken(type)
    }
  }

  /// The positions of those that the next token's window has.
  static func seen(_ positions: Range<Int>, window: Int?) -> Range<Int> {
    guard let window else { return positions }
    return min(
      max(positions.lowerBound, positions.upperBound - window + 1), positions.upperBound)..<positions.upperBound
  }
}

// The bytes of sequences' state as they are told to others. A thread of its own may read and write them, where it is sure
// that nobody writes what it reads and nobody uses what it writes; see `PrefixLease`.
extension StateStore {
  /// The parts of the state of some positions of a sequence, and of its recurrent state, in their order.
  ///
  /// - Parameters:
  ///   - positions: The positions whose rows are told.
  ///   - pages: The page table of the sequence, from position 0 on.
  ///   - slot: The slot of the recurrent state; `nil` for none.
  ///   - first: The first position whose pages are used; those before are told as if they were not there.
  func parts(of positions: Range<Int>, pages: [Int32], slot: Int32?, from first: Int = 0) -> [StatePart] {
    var parts: [StatePart] = []
    for (group, window) in groups.windows.enumerated() {
      let seen = StateLayout.seen(positions, window: window)
      var position = seen.lowerBound
      while position < seen.upperBound {
        let row = position / pageTokens
        let end = min((row + 1) * pageTokens, seen.upperBound)
        let page = pages[row * groups.windows.count + group]
        let isThere = page != PageRows.none && position >= first
        parts.append(
          .rows(position - row * pageTokens..<end - row * pageTokens, page: isThere ? page : nil, group: group))
        position = end
      }
    }
    guard let slot else { return parts }
    for (index, kind) in layout.kinds.enumerated() where layout.isHere(index) {
      if case .recurrent = kind { parts.append(.piece(StateHandle(index: index), slot: slot)) }
    }
    return parts
  }

  /// The number of bytes of a part.
  func byteCount(of part: StatePart) -> Int {
    switch part {
    case .rows(let rows, _, let group):
      return pieces(of: group).reduce(0) { $0 + rows.count * layout.kinds[$1].bytesPerToken(kvType) }
    case .piece(let handle, _):
      guard case .recurrent(let count) = layout.kinds[handle.index] else { return 0 }
      return count * MemoryLayout<Float>.stride
    }
  }

  /// Copies a part to `bytes`, whose content is replaced.
  func copy(_ part: StatePart, to bytes: inout [UInt8]) {
    bytes.removeAll(keepingCapacity: true)
    if case .piece(let handle, let slot) = part, isCold(slot) {
      let count = byteCount(of: part) / MemoryLayout<Float>.stride
      let state = unsafe [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
        if let base = buffer.baseAddress {
          unsafe ColdFormat.unpack(coldSlot(slot, of: handle), into: base, count: count)
        }
        initialized = count
      }
      return unsafe state.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
    }
    unsafe forEachStretch(of: part) { unsafe bytes.append(contentsOf: $0) }
  }

  /// Copies bytes to a part, as many as it has.
  func copy(_ bytes: [UInt8], to part: StatePart) {
    precondition(bytes.count == byteCount(of: part), "\(bytes.count) bytes for a part of \(byteCount(of: part))")
    unsafe bytes.withUnsafeBytes { source in
      var offset = 0
      unsafe forEachStretch(of: part) { target in
        unsafe target.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[offset..<offset + target.count]))
        offset += target.count
      }
    }
  }

  /// The paged pieces of a group that are here.
  private func pieces(of group: Int) -> [Int] {
    layout.kinds.indices.filter { groups.places[$0]?.group == group && layout.isHere($0) }
  }

  private func forEachStretch(of part: StatePart, _ body: (UnsafeMutableRawBufferPointer) -> Void) {
    switch part {
    case .rows(_, page: nil, _): break
    case .rows(let rows, .some(let page), let group):
      precondition(rows.lowerBound >= 0 && rows.upperBound <= pageTokens, "rows \(rows) of a page of \(pageTokens)")
      for index in pieces(of: group) {
        let stretches = layout.kinds[index].stretches(kvType)
        let first = unsafe self.page(page, of: StateHandle(index: index))
        for stretch in 0..<stretches.count {
          let start = (stretch * pageTokens + rows.lowerBound) * stretches.bytesPerToken
          unsafe body(
            UnsafeMutableRawBufferPointer(start: first + start, count: rows.count * stretches.bytesPerToken))
        }
      }
    case .piece(let handle, let slot):
      unsafe body(UnsafeMutableRawBufferPointer(start: self.slot(slot, of: handle), count: byteCount(of: part)))
    }
  }
}
