import InferCore
import InferText

/// The tools of a chat request, and what the answer may do with them.
struct ChatTools: Equatable {
  /// The definitions as they came, for the chat template and for the types of arguments; `nil` when the answer is to
  /// call none. Tools that take a text are functions of that text.
  var definitions: JSONValue?
  /// Whether an answer may have more than one call.
  var allowsSeveral = true
  /// The calls that the answer has to be, if it does not have the choice.
  var demand = CallRules.Demand.none
  /// The names of tools that take a text instead of arguments.
  var textTools: Set<ExactText> = []
  /// The languages of such texts, by the names of the tools, where they have one.
  var textLanguages: TextDictionary<Constraint.Language> = [:]
  /// The fields that say what a tool is, by its name.
  var paths: TextDictionary<Paths> = [:]
  /// Whether they came as `functions`, so that a call is told as `function_call`.
  var areFunctions = false

  /// The rules that calls keep to; `nil` where there are none.
  var rules: CallRules? {
    definitions.map { tools in
      CallRules(tools: tools, texts: textLanguages, allowsSeveral: allowsSeveral, demand: demand)
    }
  }

  /// The fields of a request that a complaint about a tool names.
  struct Paths: Equatable {
    /// The path of its name.
    let name: String
    /// The path of the schema of its arguments, or of the language of its text.
    let arguments: String
  }

  /// The field that has the tools.
  var field: String { areFunctions ? "functions" : "tools" }
  /// The field that may demand a call.
  var choiceField: String { areFunctions ? "function_call" : "tool_choice" }
  /// The field of the language that the text of a tool has; `nil` where there is none.
  var textLanguageField: String? {
    let names = (definitions?.array ?? []).compactMap { $0["function"]?["name"]?.string }
    return names.first { textLanguages[$0] != nil }.flatMap { paths[$0]?.arguments }
  }

  /// The place of what a tool, or a choice of one, consists of.
  enum Form {
    /// In a member that is called as the type.
    case nested
    /// Beside the type.
    case flat
  }
}

extension ChatTools {
  /// Decodes `tools`, `tool_choice` and `parallel_tool_calls`.
  ///
  /// - Parameter ignored: Types of tools that are left out.
  init(_ reader: FieldReader, _ form: Form = .nested, ignoring ignored: [String] = []) throws(APIError) {
    self.init()
    var tools: [JSONValue] = []
    var names: Set<ExactText> = []
    for (index, value) in (try reader.array("tools") ?? []).enumerated() {
      let tool = try FieldReader(value, path: "tools[\(index)]")
      if let type = tool["type"]?.string, ignored.containsExactly(type) { continue }
      tools.append(try definition(of: tool, value, form, &names))
    }
    allowsSeveral = try reader.bool("parallel_tool_calls") ?? true
    if !tools.isEmpty { definitions = .array(tools) }
    try choose(reader, form, of: names)
  }

  /// Decodes the older form of them, `functions` and `function_call`; `nil` where there is neither. An answer has one call
  /// at most.
  init?(functions reader: FieldReader) throws(APIError) {
    let functions = try reader.array("functions") ?? []
    guard !functions.isEmpty || reader["function_call"] != nil else { return nil }
    if let tools = try reader.array("tools"), !tools.isEmpty {
      let name = functions.isEmpty ? "function_call" : "functions"
      throw reader.wrongValue(
        name, "is the older form of what stands beside it in \(functions.isEmpty ? "tool_choice" : "tools")")
    }
    self.init(allowsSeveral: false, areFunctions: true)
    var names: Set<ExactText> = []
    var tools: [JSONValue] = []
    for (index, function) in functions.enumerated() {
      try check(FieldReader(function, path: "functions[\(index)]"), &names)
      tools.append(["type": "function", "function": function])
    }
    if !tools.isEmpty { definitions = .array(tools) }
    switch reader["function_call"] {
    case nil, "auto": break
    case "none": definitions = nil
    case .string(let other):
      throw reader.wrongValue("function_call", "must be 'none', 'auto' or a function, not '\(other)'")
    case .object(let choice):
      guard !names.isEmpty else {
        throw reader.wrongValue("function_call", "demands a call, but there are no functions")
      }
      demand = try Self.demanded(FieldReader(.object(choice), path: "function_call"), of: names)
    case let value?: throw reader.wrongType("function_call", value, expected: "a string or an object")
    }
  }

  /// The definition of a tool; refuses one that is not as it should be.
  private mutating func definition(
    of tool: FieldReader, _ value: JSONValue, _ form: Form, _ names: inout Set<ExactText>
  ) throws(APIError) -> JSONValue {
    let (type, reader) = try Self.part(of: tool, form)
    guard type == "custom" else {
      try check(reader, &names)
      guard form == .flat else { return value }
      var function: JSONObject = [:]
      for key in ["name", "description", "parameters", "strict"] { function[key] = reader[key] }
      return ["type": "function", "function": .object(function)]
    }
    let name = try newName(of: reader, &names)
    textTools.insert(ExactText(name))
    if let (language, field) = try Self.language(of: reader, form) {
      textLanguages[name] = language
      paths[name] = Paths(name: reader.name("name"), arguments: field)
    }
    var function: JSONObject = ["name": .string(name)]
    function["description"] = try reader.string("description").map(JSONValue.string)
    function["parameters"] = [
      "type": "object", "properties": [ChatToolCall.textParameter: ["type": "string"]],
      "required": [.string(ChatToolCall.textParameter)],
    ]
    return ["type": "function", "function": .object(function)]
  }

  /// The language of the text that a tool takes, and the field that has it; `nil` for any text.
  private static func language(
    of tool: FieldReader, _ form: Form
  ) throws(APIError) -> (Constraint.Language, field: String)? {
    guard let format = try tool.object("format") else { return nil }
    switch try format.required(string: "type") {
    case "text": return nil
    case "grammar": break
    case let type: throw format.wrongValue("type", "must be 'text' or 'grammar', not '\(type)'")
    }
    var reader = format
    if form == .nested {
      guard let grammar = try format.object("grammar") else { throw format.missing("grammar") }
      reader = grammar
    }
    let definition = try reader.required(string: "definition")
    switch try reader.required(string: "syntax") {
    case "lark": return (.grammar(definition, .lark), reader.name("definition"))
    case "regex": return (.regex(definition), reader.name("definition"))
    case let syntax: throw reader.wrongValue("syntax", "must be 'lark' or 'regex', not '\(syntax)'")
    }
  }

  /// Refuses a function that is not as it should be.
  private mutating func check(_ function: FieldReader, _ names: inout Set<ExactText>) throws(APIError) {
    _ = try newName(of: function, &names)
    _ = try function.string("description")
    _ = try function.object("parameters")
    _ = try function.bool("strict")
  }

  /// The name of a function, which no other has so far, and whose arguments a member says.
  mutating func newName(
    of function: FieldReader, arguments: String = "parameters", _ names: inout Set<ExactText>
  ) throws(APIError) -> String {
    let name = try function.required(string: "name")
    if name.isEmpty { throw function.wrongValue("name", "must not be empty") }
    guard names.insert(ExactText(name)).inserted else {
      throw function.wrongValue("name", "is '\(name)', which another tool has as well")
    }
    paths[name] = Paths(name: function.name("name"), arguments: function.name(arguments))
    return name
  }

  /// The type of what says that it is a tool, or a choice of one, and what has its other members.
  static func part(of reader: FieldReader, _ form: Form) throws(APIError) -> (type: String, reader: FieldReader) {
    let type = try reader.required(string: "type")
    guard ["function", "custom"].containsExactly(type) else {
      throw .unsupported(
        reader.name("type"), "\(reader.name("type")) is '\(type)', but only 'function' and 'custom' are supported.")
    }
    if form == .flat { return (type, reader) }
    guard let part = try reader.object(type) else { throw reader.missing(type) }
    return (type, part)
  }
}
