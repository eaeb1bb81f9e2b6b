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
    // A pipe holds 64 KiB.
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
    #expect(lines.filter { $0 == "infer-serve: \(400 - taken) lines were dropped" }.count == 1)
  }
}
