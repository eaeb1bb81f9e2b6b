import Foundation
import InferCore
import Testing

@testable import infer_serve

@Suite struct LineWriterTests {
  /// Whoever writes, and whoever waits for the end, waits for no reader; what there was no room for is counted.
  @Test func nobodyWaitsForAReader() throws {
    let pipe = Pipe()
    let writer = LineWriter(descriptor: pipe.fileHandleForWriting.fileDescriptor, byteLimit: 1 << 18)
    let line = String(repeating: "x", count: 1023)
    // A pipe holds 64 KiB, or less.
    let taken = (0..<400).filter { _ in writer.write(line) }.count
    #expect(taken >= 256 && taken < 400)
    writer.flush(patience: .milliseconds(20))
    let read = Monitor<Data?>(nil)
    Thread { read.change { $0 = (try? pipe.fileHandleForReading.readToEnd()) ?? Data() } }.start()
    writer.flush(patience: .seconds(60))
    writer.write("the last")
    writer.flush(patience: .seconds(60))
    try pipe.fileHandleForWriting.close()
    read.wait { $0 != nil }
    let lines = String(decoding: read.withLock { $0 ?? Data() }, as: UTF8.self).split(separator: "\n")
    #expect(lines.filter { $0 == line }.count == taken && lines.last == "the last")
    // A thread that begins when the buffer is full tells of those before it and, in the end, of those after it.
    let dropped = try lines.compactMap { line in
      try line.firstMatch(of: /^infer-serve: (\d+) lines were dropped$/).map { try #require(Int($0.1)) }
    }
    #expect(!dropped.isEmpty && dropped.reduce(0, +) == 400 - taken)
  }

  /// Without a thread, whoever waits for the end writes what it can, and leaves the rest in order.
  @Test func linesAreWrittenWithoutAThread() throws {
    let pipe = Pipe()
    let writer = LineWriter(descriptor: pipe.fileHandleForWriting.fileDescriptor, start: { _ in })
    // Longer than what a pipe takes at once, and together longer than what it holds.
    let written = (0..<30).map { String(repeating: "\($0) ", count: 4000) }
    for line in written { #expect(writer.write(line)) }
    writer.flush(patience: .milliseconds(20))
    let read = Monitor<Data?>(nil)
    Thread { read.change { $0 = (try? pipe.fileHandleForReading.readToEnd()) ?? Data() } }.start()
    writer.flush(patience: .seconds(60))
    try pipe.fileHandleForWriting.close()
    read.wait { $0 != nil }
    let lines = String(decoding: read.withLock { $0 ?? Data() }, as: UTF8.self).split(separator: "\n")
    #expect(lines == written.map { $0[...] })
  }
}
