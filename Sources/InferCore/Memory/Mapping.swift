internal import CFaults
package import Foundation
internal import Glibc

/// Zeroed memory from the system, whose addresses are reserved at once and whose pages are backed when first touched.
@safe final class AnonymousMapping {
  let base: UnsafeMutableRawPointer
  let byteCount: Int
  /// The huge pages that a part of was given back, counted from the one that the mapping begins in.
  private var isSplit: [Bool]

  init(byteCount: Int) throws(ModelError) {
    self.byteCount = byteCount
    let length = max(byteCount, 1)
    let mapped = unsafe mmap(nil, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard let mapped = unsafe mapped, unsafe mapped != MAP_FAILED else {
      throw .outOfMemory("cannot reserve \(byteCount >> 20) MiB of memory: \(systemErrorText())")
    }
    unsafe base = mapped
    isSplit = Array(repeating: false, count: length / Self.hugePageBytes + 2)
    unsafe ThreadPlacement.current?.place(mapped, byteCount: length)
    // Advice only: without huge pages everything works, with more misses in the translation cache.
    _ = unsafe madvise(mapped, length, MADV_HUGEPAGE)
  }

  deinit { unsafe _ = munmap(base, max(byteCount, 1)) }

  /// The size of a huge page.
  private static let hugePageBytes: Int = {
    let text = try? String(contentsOfFile: "/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", encoding: .utf8)
    let bytes = text.flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) } ?? 0
    return bytes > 0 && bytes.nonzeroBitCount == 1 ? bytes : 2 << 20
  }()

  /// Gives the whole pages of a range back to the system, which backs them anew, with zeros, when they are next touched.
  func giveBack(_ range: Range<Int>) {
    precondition(range.lowerBound >= 0 && range.upperBound <= byteCount, "bytes \(range) of \(byteCount)")
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let (first, end) = ((range.lowerBound + page - 1) / page * page, range.upperBound / page * page)
    guard first < end else { return }
    split(at: first)
    split(at: end)
    // Advice only: what is not given back is memory that stays taken.
    _ = unsafe madvise(base + first, end - first, MADV_DONTNEED)
  }

  /// Has the system leave the huge page around a place alone, unless it begins there: it makes huge pages anew of those with
  /// holes, and fills the holes, so that what was given back would be taken again by and by.
  private func split(at offset: Int) {
    let start = unsafe Int(bitPattern: base)
    let first = (start + offset) / Self.hugePageBytes * Self.hugePageBytes
    let index = first / Self.hugePageBytes - start / Self.hugePageBytes
    guard first != start + offset, !isSplit[index] else { return }
    isSplit[index] = true
    let lower = max(first - start, 0)
    let upper = min(first + Self.hugePageBytes - start, byteCount)
    guard unsafe madvise(base + lower, upper - lower, MADV_NOHUGEPAGE) != 0 else { return }
    // There are too many pieces with advice of their own. One is never too many.
    _ = unsafe madvise(base, byteCount, MADV_NOHUGEPAGE)
  }
}

/// `true` when the system still gives the process `byteCount` bytes of addresses, which `ulimit -v` limits.
package func hasAddressSpace(for byteCount: Int) -> Bool { (try? AnonymousMapping(byteCount: byteCount)) != nil }

/// A file mapped for reading.
@safe package final class MappedFile: Sendable {
  /// The file.
  package let url: URL
  /// The file's length in bytes.
  package let byteCount: Int
  // Safe because the mapping is read-only and lives as long as this object.
  nonisolated(unsafe) let base: UnsafeRawPointer
  /// The file's place in the list of those whose faults are explained.
  private let place: Int32

  /// Maps the file at a URL.
  ///
  /// - Throws: ``ModelError/unreadable(at:reason:)`` when it cannot be opened, is no regular file, or is empty.
  package init(at url: URL) throws(ModelError) {
    // Without blocking, so that a pipe is refused and not waited for.
    let descriptor = unsafe open(url.path(percentEncoded: false), O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw .unreadable(at: url, reason: systemErrorText()) }
    defer { close(descriptor) }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { throw .unreadable(at: url, reason: systemErrorText()) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw .unreadable(at: url, reason: "not a regular file") }
    guard status.st_size > 0 else { throw .unreadable(at: url, reason: "the file is empty") }
    byteCount = Int(status.st_size)
    let mapped = unsafe mmap(nil, byteCount, PROT_READ, MAP_PRIVATE, descriptor, 0)
    guard let mapped = unsafe mapped, unsafe mapped != MAP_FAILED else {
      throw .unreadable(at: url, reason: systemErrorText())
    }
    unsafe base = UnsafeRawPointer(mapped)
    self.url = url
    place = unsafe cf_note_file(mapped, byteCount, url.path(percentEncoded: false))
  }

  deinit {
    cf_forget_file(place)
    unsafe _ = munmap(UnsafeMutableRawPointer(mutating: base), byteCount)
  }

  /// Has a file that is cut short, or that its disk does not give, while it is mapped end the process with exit code 74 and
  /// a line on standard error that names the file: its bytes are gone, and whoever computes with them cannot go on. Without
  /// this the system ends the process with `SIGBUS`, as it does for all faults elsewhere.
  package static func explainFaults() { _ = cf_explain_faults() }
}

extension MappedFile {
  /// A copy of some of the bytes.
  func copyBytes(_ range: Range<Int>) -> [UInt8] {
    precondition(range.lowerBound >= 0 && range.upperBound <= byteCount, "bytes \(range) of \(byteCount)")
    return unsafe Array(UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count))
  }

  /// The bytes that are asked for at once: what Linux reads ahead of any device by default.
  private static let prefetchBytes = 128 << 10

  /// Has the system begin to read a range, and returns before it has. What it has read already stays.
  func prefetchPages(_ range: Range<Int>) {
    let part = range.clamped(to: 0..<byteCount)
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let first = part.lowerBound / page * page
    // Advice only: what is not read ahead is read when it is used.
    guard !part.isEmpty else { return }
    let start = unsafe UnsafeMutableRawPointer(mutating: base)
    // Piece by piece: of one advice Linux reads no more than the device takes in one request.
    let read = {
      for piece in stride(from: first, to: part.upperBound, by: Self.prefetchBytes) {
        _ = unsafe madvise(start + piece, min(Self.prefetchBytes, part.upperBound - piece), MADV_WILLNEED)
      }
    }
    if let placement = ThreadPlacement.current { placement.placingFiles(read) } else { read() }
  }

  /// Tells the system that the whole pages of a range are not needed soon. Their next use reads the file again.
  func releasePages(_ range: Range<Int>) {
    precondition(range.lowerBound >= 0 && range.upperBound <= byteCount, "bytes \(range) of \(byteCount)")
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let (first, end) = ((range.lowerBound + page - 1) / page * page, range.upperBound / page * page)
    // Advice only: whatever comes of it, the bytes stay the same.
    if first < end { _ = unsafe madvise(UnsafeMutableRawPointer(mutating: base + first), end - first, MADV_DONTNEED) }
  }
}
