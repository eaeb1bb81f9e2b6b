import Foundation
import TestSupport
import Testing

@testable import InferCore

@Suite struct MappedFileTests {
  /// A file that is cut short while it is in use ends the process with its name; the rest of it can be read until then.
  @Test func aFileThatIsCutShortIsNamed() async throws {
    let result = try await #require(processExitsWith: .exitCode(74), observing: [\.standardErrorContent]) {
      MappedFile.explainFaults()
      MappedFile.explainFaults()
      let folder = try TemporaryFolder()
      let whole = URL(filePath: folder.path).appending(component: "whole.bin")
      let cut = URL(filePath: folder.path).appending(component: "cut.bin")
      for url in [whole, cut] { try Data(repeating: 7, count: 1 << 20).write(to: url) }
      let files = try [whole, cut].map { try MappedFile(at: $0) }
      let handle = try FileHandle(forWritingTo: cut)
      try handle.truncate(atOffset: 4096)
      precondition(files[0].copyBytes(500_000..<500_001) == [7] && files[1].copyBytes(4095..<4096) == [7])
      _ = files[1].copyBytes(500_000..<500_001)
    }
    let text = String(decoding: result.standardErrorContent, as: UTF8.self)
    #expect(text.contains("cut.bin was cut short, from 1048576 bytes to 4096, while it was in use"), "\(text)")
  }

  /// All of a range that is asked for is read, however little the device takes at once. The advice is given again, and a page
  /// counts once it was there: a system that is short of memory leaves pieces of it unread, and takes pages back.
  @Test func readingAheadReadsAllOfARange() async throws {
    let folder = try TemporaryFolder()
    let url = URL(filePath: folder.path).appending(component: "file.bin")
    try Data(repeating: 7, count: 24 << 20).write(to: url)
    let descriptor = unsafe open(url.path, O_RDWR)
    defer { close(descriptor) }
    fsync(descriptor)
    posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED)
    let file = try MappedFile(at: url)
    let (range, page) = (1 << 20..<21 << 20, Int(sysconf(Int32(_SC_PAGESIZE))))
    var pages = [UInt8](repeating: 0, count: range.count / page)
    var wasThere = [Bool](repeating: false, count: pages.count)
    let address = unsafe UnsafeMutableRawPointer(mutating: file.base) + range.lowerBound
    for _ in 0..<1000 where wasThere.contains(false) {
      file.prefetchPages(range)
      try await Task.sleep(for: .milliseconds(10))
      try #require(unsafe mincore(address, range.count, &pages) == 0)
      for (index, flags) in pages.enumerated() where flags & 1 == 1 { wasThere[index] = true }
    }
    #expect(wasThere.count { !$0 } == 0, "pages of \(pages.count)")
  }

  /// Faults in other files are the system's, as without this: nothing is told of files that were unmapped.
  @Test func otherFaultsAreTheSystems() async throws {
    await #expect(processExitsWith: .signal(SIGBUS)) {
      MappedFile.explainFaults()
      let folder = try TemporaryFolder()
      let url = URL(filePath: folder.path).appending(component: "file.bin")
      try Data(repeating: 7, count: 1 << 20).write(to: url)
      _ = try MappedFile(at: url)
      let descriptor = unsafe open(url.path, O_RDWR)
      let mapped = unsafe mmap(nil, 1 << 20, PROT_READ, MAP_PRIVATE, descriptor, 0)
      ftruncate(descriptor, 0)
      guard let mapped = unsafe mapped else { return }
      let value = unsafe mapped.load(fromByteOffset: 500_000, as: UInt8.self)
      precondition(value == 7, "there is no such byte")
    }
  }
}
