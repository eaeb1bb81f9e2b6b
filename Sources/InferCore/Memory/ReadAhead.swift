/// Reading of files ahead of their use, a window at a time.
///
/// The system itself reads ahead of what a thread touches by some pages, which leaves disks idle where several threads read at
/// several places.
@safe final class ReadAhead: Sendable {
  /// The number of bytes of a window.
  private static let windowBytes = 32 << 20

  private struct Window: Hashable {
    let file: ObjectIdentifier
    let index: Int
  }

  // Files outlive the reader of their tensors.
  private let begun = Monitor<Set<Window>>([])

  /// Has the system begin to read the windows that a range is in, and the two behind it, unless it was told so before.
  func begin(_ file: MappedFile, _ range: Range<Int>) {
    for index in range.lowerBound / Self.windowBytes...range.upperBound / Self.windowBytes + 2 {
      let isNew = begun.withLock { $0.insert(Window(file: ObjectIdentifier(file), index: index)).inserted }
      if isNew { file.prefetchPages(index * Self.windowBytes..<(index + 1) * Self.windowBytes) }
    }
  }
}
