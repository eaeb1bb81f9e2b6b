internal import Synchronization

/// Words that threads share, each with memory around it that nothing else is in: processors hand each other whole cache
/// lines, and fetch them in pairs.
@safe final class PaddedLines<Value>: @unchecked Sendable {
  // Safe because the words are atomic, and whoever uses plain values says who writes them when.
  /// A word, and a plain value beside it.
  struct Line: ~Copyable {
    let word: Atomic<Int>
    var value: Value

    fileprivate init(_ word: Int, _ value: Value) {
      self.word = Atomic(word)
      self.value = value
    }
  }

  private let count: Int
  private let base: UnsafeMutableRawPointer

  /// Lines that begin with a word and a value.
  init(count: Int, word: Int = 0, value: Value) {
    precondition(MemoryLayout<Line>.size <= paddedBytes, "a value of \(MemoryLayout<Line>.size) bytes")
    self.count = count
    unsafe base = UnsafeMutableRawPointer.allocate(byteCount: max(count, 1) * paddedBytes, alignment: paddedBytes)
    for index in 0..<count { unsafe self[index].initialize(to: Line(word, value)) }
  }

  deinit {
    for index in 0..<count { unsafe self[index].deinitialize(count: 1) }
    unsafe base.deallocate()
  }

  /// - Precondition: `index` is in `0 ..< count`.
  @inline(__always) @unsafe subscript(_ index: Int) -> UnsafeMutablePointer<Line> {
    unsafe (base + index * paddedBytes).assumingMemoryBound(to: Line.self)
  }
}

extension PaddedLines where Value == Void {
  /// Lines of words alone.
  convenience init(count: Int, word: Int = 0) { self.init(count: count, word: word, value: ()) }
}

/// Two cache lines.
private let paddedBytes = 128
