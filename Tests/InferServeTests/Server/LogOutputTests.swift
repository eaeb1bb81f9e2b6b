import Foundation
import InferCore
import InferText
import Logging
import Testing

@testable import infer_serve

struct LogOutputTests {
  private let date = Date(timeIntervalSince1970: 1_700_000_000.25)
  private let fields = [(key: "id", value: "req-1"), (key: "path", value: "a b\"\n"), (key: "status", value: "200")]

  @Test func textIsOneLineWhateverTheValues() {
    let line = LogOutput.line(.text, level: .info, message: "request", fields: fields, date: date)
    #expect(line == #"2023-11-14T22:13:20.250Z info request id=req-1 path="a b\"\n" status=200"#)
  }

  @Test func jsonIsAnObjectWhoseFieldsCannotReplaceItsOwn() throws {
    let line = LogOutput.line(
      .json, level: .error, message: "request", fields: fields + [(key: "message", value: "forged")], date: date)
    let object = try JSONValue(parsing: line)
    #expect(object["time"] == "2023-11-14T22:13:20.250Z" && object["level"] == "error")
    #expect(object["message"] == "request" && object["status"] == 200 && object["path"] == "a b\"\n")
  }
}
