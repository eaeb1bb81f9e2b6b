internal import CKernels

/// A set of numbers of processors or nodes as the system takes them: bits of words.
struct NumberMask {
  /// The words, the lowest numbers first; at least one.
  let words: [UInt64]

  init(_ numbers: [Int]) {
    var words = Array(repeating: UInt64(0), count: (numbers.max() ?? 0) / 64 + 1)
    for number in numbers { words[number / 64] |= 1 << UInt64(number % 64) }
    self.words = words
  }

  /// The numbers of a mask, ascending.
  static func numbers(_ words: some Sequence<UInt64>) -> [Int] {
    words.enumerated().flatMap { index, word in (0..<64).filter { word >> UInt64($0) & 1 == 1 }.map { index * 64 + $0 }
    }
  }
}

/// The processors that threads may run on.
package enum Affinity {
  /// Those of the calling thread; `nil` where the system does not tell.
  package static var current: [Int]? {
    var words = Array(repeating: UInt64(0), count: 1024)
    let count = unsafe ck_get_affinity(&words, words.count)
    let numbers = NumberMask.numbers(words.prefix(count))
    return numbers.isEmpty ? nil : numbers
  }

  /// The number of the processor that the calling thread runs on; `nil` where the system does not tell.
  package static var currentProcessor: Int? {
    let id = Int(ck_current_processor())
    return id >= 0 ? id : nil
  }

  /// Lets a thread run on these processors alone. Returns 0, or the system's error number.
  ///
  /// - Parameters:
  ///   - thread: The system's number of the thread; 0 for the calling one.
  ///   - mask: The processors. Takes nothing from the heap.
  static func set(_ mask: NumberMask, of thread: Int32 = 0) -> Int32 {
    unsafe mask.words.withUnsafeBufferPointer { unsafe ck_set_affinity(thread, $0.baseAddress, $0.count) }
  }
}
