import Foundation
import InferCore
import InferText
import Logging

/// Forms of the log.
enum LogFormat: String, CaseIterable, Sendable {
  /// `time level message key=value …`
  case text
  /// One JSON object a line.
  case json
}

/// Writes log lines to standard error.
///
/// Events are structured: the message names the event and stays the same, all that varies is metadata.
struct LogOutput: LogHandler {
  var metadata: Logger.Metadata = [:]
  var logLevel: Logger.Level
  let label: String
  let format: LogFormat
  /// Called for each line that there is no room for.
  var noteDropped: @Sendable () -> Void = {}

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    var all = metadata
    if let given = event.metadata { all.merge(given) { _, new in new } }
    // Hummingbird numbers its requests; ours have ids of their own.
    all["hb.request.id"] = nil
    let fields = all.sorted { $0.key < $1.key }.map { (key: $0.key, value: "\($0.value)") }
    let line = Self.line(format, level: event.level, message: "\(event.message)", fields: fields, date: Date())
    if !LineWriter.standardError.write(line) { noteDropped() }
  }

  /// One line, without its line break.
  static func line(
    _ format: LogFormat, level: Logger.Level, message: String, fields: [(key: String, value: String)], date: Date
  ) -> String {
    let time = date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    switch format {
    case .text:
      let pairs = fields.map { " \($0.key)=\(quoted($0.value))" }.joined()
      return "\(time) \(level) \(message)\(pairs)"
    case .json:
      var object: JSONObject = [
        "time": .string(time), "level": .string(level.rawValue), "message": .string(message),
      ]
      for field in fields where object[field.key] == nil {
        object[field.key] = Int(field.value).map(JSONValue.integer) ?? .string(field.value)
      }
      return JSONValue.object(object).serialized()
    }
  }

  /// A value as it is, or as a JSON string when it has characters that would break the line apart.
  private static func quoted(_ value: String) -> String {
    let isPlain =
      !value.isEmpty && value.unicodeScalars.allSatisfy { $0.value > 0x20 && $0 != "\"" && $0.value != 0x7f }
    return isPlain ? value : JSONValue.string(value).serialized()
  }
}
