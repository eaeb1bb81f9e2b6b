import Foundation
import InferCore
import InferMetrics
import InferText
import TestSupport
import Testing

@testable import infer_serve

struct RotatingFileTests {
  private let folder: TemporaryFolder
  private var path: String { folder.url.appending(path: "log").path }

  init() throws { folder = try TemporaryFolder() }

  private func open(limit: Int = 20, keeping kept: Int = 2) throws -> RotatingFile {
    try RotatingFile(path: path, byteLimit: limit, keeping: kept)
  }

  private func line(_ number: Int) -> [UInt8] { Array("line \(number)\n".utf8) }

  private func text(_ suffix: String = "") -> String? { try? String(contentsOfFile: path + suffix, encoding: .utf8) }

  @Test func linesMakeWayWhole() throws {
    let file = try open()
    for number in 1...7 { try file.write(line(number)) }
    #expect(text() == "line 7\n" && text(".1") == "line 5\nline 6\n" && text(".2") == "line 3\nline 4\n")
    #expect(text(".3") == nil)
    // One that is longer than the limit has a file of its own.
    try file.write(Array(repeating: UInt8(ascii: "x"), count: 30) + [0x0A])
    try file.write(line(9))
    #expect(text() == "line 9\n" && text(".1")?.utf8.count == 31 && text(".2") == "line 7\n")
  }

  @Test func withoutEarlierFilesOneIsLeft() throws {
    let file = try open(keeping: 0)
    for number in 1...5 { try file.write(line(number)) }
    #expect(text() == "line 5\n")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["log"])
  }

  @Test func itIsItsOwnersAloneAndGoesOnWhereItWas() throws {
    try open(limit: 1000).write(line(1))
    #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o600)
    try open(limit: 1000).write(line(2))
    #expect(text() == "line 1\nline 2\n")
  }

  @Test func anotherProgramMayMoveIt() throws {
    let file = try open(limit: 1000)
    try file.write(line(1))
    try FileManager.default.moveItem(atPath: path, toPath: path + ".old")
    try file.write(line(2))
    try file.reopen()
    try file.write(line(3))
    #expect(text(".old") == "line 1\nline 2\n" && text() == "line 3\n")
    // What was moved away makes no way a second time.
    let small = try open()
    try FileManager.default.moveItem(atPath: path, toPath: path + ".older")
    for number in 4...6 { try small.write(line(number)) }
    #expect(text(".older") == "line 3\nline 4\n" && text() == "line 5\nline 6\n" && text(".1") == nil)
  }

  @Test func aFullDiskIsToldAndNothingElseIsTaken() throws {
    let full = try RotatingFile(path: "/dev/full", byteLimit: 1 << 20, keeping: 1)
    let fault = #expect(throws: RotatingFile.Fault.self) { try full.write(line(1)) }
    #expect(fault?.description == "/dev/full cannot be written: no space left on device")
    #expect(throws: RotatingFile.Fault(description: "\(path)/x cannot be opened: no such file or directory")) {
      try RotatingFile(path: path + "/x", byteLimit: 1, keeping: 1)
    }
    #expect(throws: RotatingFile.Fault.self) { try RotatingFile(path: folder.url.path, byteLimit: 1, keeping: 1) }
    #expect(unsafe mkfifo(path + ".pipe", 0o600) == 0)
    #expect(throws: RotatingFile.Fault.self) { try RotatingFile(path: path + ".pipe", byteLimit: 1, keeping: 1) }
  }

  /// A log whose file takes nothing counts what is lost, and one that is too slow does so too; neither waits.
  @Test func aLogLosesLinesAndSaysSo() throws {
    let metrics = ServerMetrics()
    let full = try RotatingFile(path: "/dev/full", byteLimit: 1 << 20, keeping: 1)
    let lost = RequestLog(full, metrics: metrics, logger: HTTPServer.quietLogger)
    for _ in 0..<3 { lost.write(bytes: 10) { [0x0A] } }
    lost.flush()
    #expect(metrics.requestLogLinesDropped("file").value == 3)

    let gate = DispatchSemaphore(value: 0)
    let log = RequestLog(
      try open(limit: 1 << 20), byteLimit: 100, metrics: metrics, logger: HTTPServer.quietLogger)
    // The first is larger than all that may wait, and alone.
    log.write(bytes: 1000) {
      gate.wait()
      return line(1)
    }
    while log.waitingLines > 0 { usleep(1000) }
    log.write(bytes: 60) { line(2) }
    #expect(metrics.requestLogLinesDropped("queue").value == 0)
    log.write(bytes: 60) { line(3) }
    #expect(metrics.requestLogLinesDropped("queue").value == 1)
    gate.signal()
    log.flush()
    #expect(text() == "line 1\nline 2\n")
    log.write(bytes: 60) { line(4) }
    log.flush()
    #expect(text() == "line 1\nline 2\nline 4\n")
  }

  @Test func anEntryHasItsBodyOnOneLineWithoutTheKey() throws {
    var entry = RequestLogEntry(
      time: Date(timeIntervalSince1970: 1_700_000_000.25), id: "req-1", endpoint: "POST /v1/x", status: 400,
      client: "127.0.0.1", elapsed: .milliseconds(1500))
    entry.body = RequestLogEntry.Body(bytes: Array("{\"a\":\n \"sk-secret\"\r\n}".utf8), isJSON: true)
    entry.secret = "sk-secret"
    entry.refusal = .invalid("a", "no", code: "c")
    var bytes = entry.line
    #expect(bytes.last == 0x0A && bytes.filter { $0 == 0x0A || $0 == 0x0D }.count == 1)
    var json = try JSONValue(parsing: bytes)
    #expect(json["request"] == ["a": "[API key]"] && json["error"]?["code"] == "c" && json["status"] == 400)
    #expect(json["time"] == "2023-11-14T22:13:20.250Z" && json["times"] == ["total_ms": .number(1500)])
    entry.body = RequestLogEntry.Body(bytes: Array("{\"a\n".utf8) + [0xFF], isJSON: false)
    bytes = entry.line
    json = try JSONValue(parsing: bytes)
    #expect(json["request_text"] == "{\"a\n\u{FFFD}" && json["request"] == nil)
  }
}
