import InferCore
import InferText

extension ChatTools {
  /// Decodes `tool_choice`, of tools with these names.
  mutating func choose(_ reader: FieldReader, _ form: Form, of names: Set<ExactText>) throws(APIError) {
    switch reader["tool_choice"] {
    case nil, "auto": break
    case "none": definitions = nil
    case "required":
      try Self.checkDemand(reader, of: names)
      demand = .any
    case .string(let other):
      throw reader.wrongValue("tool_choice", "must be 'none', 'auto', 'required' or a tool, not '\(other)'")
    case .object(let members):
      try Self.checkDemand(reader, of: names)
      let choice = try FieldReader(.object(members), path: "tool_choice")
      if try choice.required(string: "type").isExactly("allowed_tools") {
        guard let allowed = try form == .flat ? choice : choice.object("allowed_tools") else {
          throw choice.missing("allowed_tools")
        }
        try allow(allowed, form, of: names)
      } else {
        demand = try Self.demanded(Self.part(of: choice, form).reader, of: names)
        // Who names a tool wants that one call.
        allowsSeveral = false
      }
    case let value?: throw reader.wrongType("tool_choice", value, expected: "a string or an object")
    }
  }

  private static func checkDemand(_ reader: FieldReader, of names: Set<ExactText>) throws(APIError) {
    guard names.isEmpty else { return }
    throw reader.wrongValue("tool_choice", "demands a call, but there are no tools")
  }

  /// Leaves a part of the tools, and demands a call of them if that is the mode.
  private mutating func allow(
    _ allowed: FieldReader, _ form: Form, of names: Set<ExactText>
  ) throws(APIError) {
    var kept: Set<ExactText> = []
    for (index, tool) in (try allowed.array("tools") ?? []).enumerated() {
      let part = try Self.part(of: FieldReader(tool, path: "\(allowed.name("tools"))[\(index)]"), form).reader
      let name = try part.required(string: "name")
      guard names.contains(name) else { throw part.wrongValue("name", "is '\(name)', which none of the tools is") }
      kept.insert(ExactText(name))
    }
    guard !kept.isEmpty else { throw allowed.wrongValue("tools", "must name a tool") }
    let left = (definitions?.array ?? []).filter { kept.contains($0["function"]?["name"]?.string ?? "") }
    definitions = .array(left)
    switch try allowed.required(string: "mode") {
    case "auto": break
    case "required": demand = .any
    case let other: throw allowed.wrongValue("mode", "must be 'auto' or 'required', not '\(other)'")
    }
  }

  /// The function that a choice names, which must be one of the tools.
  static func demanded(_ choice: FieldReader, of names: Set<ExactText>) throws(APIError) -> CallRules.Demand {
    let name = try choice.required(string: "name")
    guard names.contains(name) else { throw choice.wrongValue("name", "is '\(name)', which none of the tools is") }
    guard name.wholeMatch(of: /[A-Za-z0-9_.\-]+/) != nil else {
      throw choice.wrongValue("name", "must be made of letters, digits, '_', '-' and '.' to be demanded")
    }
    return .function(name)
  }
}
