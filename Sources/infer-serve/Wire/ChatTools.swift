import InferCore
import InferText

/// The tools of a chat request, and what the answer may do with them.
struct ChatTools: Equatable {
  /// The definitions as they came, for the chat template and for the types of arguments; `nil` when the answer is to
  /// call none.
  var definitions: JSONValue?
  /// Whether an answer may have more than one call.
  var allowsSeveral = true
  /// The call that the answer has to begin with, if it does not have the choice.
  var demand: Demand?

  /// A call that is demanded.
  enum Demand: Equatable {
    case any
    case function(String)
  }
}

extension ChatTools {
  /// Decodes `tools`, `tool_choice` and `parallel_tool_calls`.
  init(_ reader: FieldReader) throws(APIError) {
    let tools = try reader.array("tools") ?? []
    var names: Set<ExactText> = []
    for (index, tool) in tools.enumerated() {
      try Self.check(FieldReader(tool, path: "tools[\(index)]"), &names)
    }
    allowsSeveral = try reader.bool("parallel_tool_calls") ?? true
    guard try Self.mayCall(reader) else { return }
    if !tools.isEmpty { definitions = .array(tools) }
    demand = try Self.demand(reader, of: names)
    // Who names a function wants that one call.
    if case .function = demand { allowsSeveral = false }
  }

  /// Refuses a tool that is not as it should be.
  private static func check(_ tool: FieldReader, _ names: inout Set<ExactText>) throws(APIError) {
    let function = try function(of: tool)
    _ = try newName(of: function, &names)
    _ = try function.string("description")
    _ = try function.object("parameters")
  }

  /// The name of a function, which no other has so far.
  static func newName(of function: FieldReader, _ names: inout Set<ExactText>) throws(APIError) -> String {
    let name = try function.required(string: "name")
    if name.isEmpty { throw function.wrongValue("name", "must not be empty") }
    guard names.insert(ExactText(name)).inserted else {
      throw function.wrongValue("name", "is '\(name)', which another tool has as well")
    }
    return name
  }

  /// The function of what says that it is one: a tool, or a choice of one.
  private static func function(of reader: FieldReader) throws(APIError) -> FieldReader {
    let type = try reader.required(string: "type")
    guard type == "function" else {
      throw .unsupported(reader.name("type"), "\(reader.name("type")) is '\(type)', but only 'function' is supported.")
    }
    guard let function = try reader.object("function") else { throw reader.missing("function") }
    return function
  }

  /// Whether the answer may call tools.
  private static func mayCall(_ reader: FieldReader) throws(APIError) -> Bool {
    guard let choice = reader["tool_choice"] else { return true }
    switch choice {
    case "none": return false
    case "auto", "required", .object: return true
    case .string(let other):
      throw reader.wrongValue("tool_choice", "must be 'none', 'auto', 'required' or a function, not '\(other)'")
    default: throw reader.wrongType("tool_choice", choice, expected: "a string or an object")
    }
  }

  private static func demand(_ reader: FieldReader, of names: Set<ExactText>) throws(APIError) -> Demand? {
    guard let choice = reader["tool_choice"], choice != "auto" else { return nil }
    guard !names.isEmpty else { throw reader.wrongValue("tool_choice", "demands a call, but there are no tools") }
    guard choice != "required" else { return .any }
    let function = try function(of: FieldReader(choice, path: "tool_choice"))
    return try demanded(function, of: names)
  }

  /// The function that a choice names, which must be one of the tools.
  static func demanded(_ choice: FieldReader, of names: Set<ExactText>) throws(APIError) -> Demand {
    let name = try choice.required(string: "name")
    guard names.contains(name) else { throw choice.wrongValue("name", "is '\(name)', which none of the tools is") }
    guard name.wholeMatch(of: /[A-Za-z0-9_.\-]+/) != nil else {
      throw choice.wrongValue("name", "must be made of letters, digits, '_', '-' and '.' to be demanded")
    }
    return .function(name)
  }
}

/// A call of a tool in an answer.
struct ChatToolCall: Equatable {
  /// Its name, given by the model in some formats and otherwise random.
  var id: String
  var name: String
  /// JSON as far as it has come.
  var arguments = ""

  /// An element of `message.tool_calls`.
  var json: JSONValue {
    ["id": .string(id), "type": "function", "function": ["name": .string(name), "arguments": .string(arguments)]]
  }

  /// The arguments as an object; an empty one where they broke off.
  var argumentsObject: JSONValue { Self.object(arguments) }

  /// Arguments as an object; an empty one where they broke off.
  static func object(_ arguments: String) -> JSONValue {
    guard let object = try? JSONValue(parsing: arguments), object.object != nil else { return [:] }
    return object
  }

  /// The part of a call in an event: all of its head, or more of its arguments.
  struct Delta: Equatable {
    var index: Int
    /// The call without its arguments, in its first event.
    var head: ChatToolCall?
    var arguments = ""

    /// An element of `delta.tool_calls`.
    var json: JSONValue {
      var members: JSONObject = ["index": .integer(index)]
      guard let head else {
        members["function"] = ["arguments": .string(arguments)]
        return .object(members)
      }
      members.merge(head.json.object ?? [:]) { _, new in new }
      return .object(members)
    }
  }
}
