import InferText

/// The finding of a check.
struct Finding: Equatable {
  /// How bad it is.
  enum Level: String {
    case ok
    /// It works, but slower or less safely than it could.
    case warn
    /// It does not work.
    case fail
  }

  /// The subject of the check.
  var check: String
  var level: Level
  /// The state of it.
  var found: String
  /// Why that matters; `nil` where it is as it should be.
  var why: String?
  /// The remedy, a command where there is one; `nil` for none.
  var advice: String?

  init(_ level: Level, _ check: String, _ found: String, why: String? = nil, advice: String? = nil) {
    self.check = check
    self.level = level
    self.found = found
    self.why = why
    self.advice = advice
  }

  /// For people: a line, and lines about why and what to do.
  var text: String {
    func pad(_ text: String, _ width: Int) -> String {
      text + String(repeating: " ", count: max(0, width - text.count))
    }
    var lines = ["\(pad(level.rawValue, 4))  \(pad(check, 12))  \(found)"]
    if let why { lines.append("\(pad("", 20))why: \(why)") }
    if let advice { lines.append("\(pad("", 20))do:  \(advice)") }
    return lines.map { TerminalText.line($0) + "\n" }.joined()
  }

  /// For programs.
  var json: JSONValue {
    [
      "check": .string(check), "level": .string(level.rawValue), "found": .string(found),
      "why": why.map(JSONValue.string) ?? .null, "advice": advice.map(JSONValue.string) ?? .null,
    ]
  }
}
