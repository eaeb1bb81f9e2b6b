import Foundation
import InferCore
import Testing

@testable import infer_serve

struct ProgressReportTests {
  /// What a writer writes while `body` runs.
  private func written(_ body: (LineWriter) -> Void) throws -> String {
    let pipe = Pipe()
    let writer = LineWriter(descriptor: pipe.fileHandleForWriting.fileDescriptor)
    body(writer)
    writer.flush()
    try pipe.fileHandleForWriting.close()
    return String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
  }

  @Test func linesAreWrittenOverTheOneBelowThem() throws {
    let text = try written { writer in
      writer.write("one")
      writer.show("50 %")
      writer.show("50 %")
      writer.write("two")
      writer.show("")
      writer.write("three")
    }
    #expect(text == "one\n\r\u{1B}[K50 %\r\u{1B}[Ktwo\n50 %\r\u{1B}[Kthree\n")
  }

  @Test func elsewhereThereAreLinesNowAndThen() throws {
    let text = try written { writer in
      let report = ProgressReport("loading", lines: .milliseconds(50), to: writer, columns: nil)
      report.update(0.1, "10 %")
      Thread.sleep(forTimeInterval: 0.06)
      report.update(0.2, "20 %")
      report.update(0.3, "30 %")
      report.end()
      Thread.sleep(forTimeInterval: 0.06)
      report.update(0.4, "40 %")
    }
    #expect(text == "infer-serve: loading: 20 %\n")
  }

  @Test func aTerminalHasABar() throws {
    let text = try written { writer in
      let report = ProgressReport("loading", to: writer, columns: { 40 })
      report.update(0.5, "50 %")
      Thread.sleep(forTimeInterval: 0.35)
      report.update(0.5, "50 % of a long \u{1B}[31mtext")
      report.end()
    }
    #expect(text == "\r\u{1B}[K[############------------] loading: 50 \r\u{1B}[K")
  }

  /// A bar that reaches the last column would move on to the next line, and stay.
  @Test(arguments: 2...60) func aBarFitsItsTerminal(columns: Int) {
    let bar = ProgressReport.bar(0.5, "loading 混元-T1-量化: 50 % of 12 MiB, 3 s left", columns: columns)
    #expect(bar.columns <= columns - 1 && bar.columns >= columns - 2)
  }

  @Test(arguments: [
    (0.01, 100, nil), (0.5, 0, nil), (0.5, 30, "30 s"), (0.25, 100, "5 min 0 s"), (0.1, 3600, "9 h 0 min"),
    (1, 5, "0 s"),
  ])
  func theTimeLeftIsThatOfTheSamePace(_ share: Double, _ elapsed: Int, _ expected: String?) {
    #expect(ProgressReport.timeLeft(share, .seconds(elapsed)) == expected)
  }
}
