import Glibc
import Testing

@testable import InferCore

struct AnonymousMappingTests {
  private static let block = 2 << 20
  private static let page = Int(sysconf(Int32(_SC_PAGESIZE)))

  /// The number of the first huge page's bytes that are not backed, from the first address on which one can begin.
  private func missing(_ mapping: AnonymousMapping, from offset: Int) -> Int {
    var pages = [UInt8](repeating: 0, count: Self.block / Self.page)
    unsafe mincore(mapping.base + offset, Self.block, &pages)
    return pages.filter { $0 & 1 == 0 }.count * Self.page
  }

  /// A mapping all of whose bytes are 1, and the place in it where a huge page can begin.
  private func filled() throws -> (mapping: AnonymousMapping, offset: Int) {
    let mapping = try AnonymousMapping(byteCount: 3 * Self.block)
    unsafe memset(mapping.base, 1, mapping.byteCount)
    let start = unsafe Int(bitPattern: mapping.base)
    return (mapping, (start + Self.block - 1) / Self.block * Self.block - start)
  }

  /// Makes a huge page of a place now, as the system does by and by (MADV_COLLAPSE of Linux 6.1).
  private func collapse(_ mapping: AnonymousMapping, at offset: Int) {
    _ = unsafe madvise(mapping.base + offset, Self.block, 25)
  }

  @Test func whatIsGivenBackIsZeroAndGone() throws {
    let (mapping, offset) = try filled()
    let range = offset + 3 * Self.page + 1..<offset + 20 * Self.page + 5
    mapping.giveBack(range)
    #expect(missing(mapping, from: offset) == 16 * Self.page, "whole pages alone")
    let values = unsafe UnsafeRawBufferPointer(start: mapping.base, count: mapping.byteCount)
    let zeros = values.indices.filter { unsafe values[$0] == 0 }
    #expect(zeros == Array(offset + 4 * Self.page..<offset + 20 * Self.page))
  }

  /// The system makes huge pages of what has holes, which takes all again that was given back.
  @Test func whatIsGivenBackStaysSo() throws {
    let (control, place) = try filled()
    unsafe madvise(control.base + place + Self.page, 64 * Self.page, MADV_DONTNEED)
    collapse(control, at: place)
    // Elsewhere there is nothing to see.
    guard missing(control, from: place) == 0 else { return }

    let (mapping, offset) = try filled()
    mapping.giveBack(offset + Self.page..<offset + 65 * Self.page)
    collapse(mapping, at: offset)
    #expect(missing(mapping, from: offset) == 64 * Self.page)
  }

  /// Huge pages that are given back whole may come back as such.
  @Test func wholeHugePagesStayHuge() throws {
    let (mapping, offset) = try filled()
    mapping.giveBack(offset..<offset + Self.block)
    #expect(missing(mapping, from: offset) == Self.block)
    unsafe mapping.base.storeBytes(of: 1, toByteOffset: offset, as: UInt8.self)
    let (control, place) = try filled()
    unsafe madvise(control.base + place, Self.block, MADV_DONTNEED)
    unsafe control.base.storeBytes(of: 1, toByteOffset: place, as: UInt8.self)
    #expect(missing(mapping, from: offset) == missing(control, from: place))
  }
}
