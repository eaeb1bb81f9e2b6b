import InferCore
import InferText

extension ChatTools {
  /// Decodes `tools` and `tool_choice` of Anthropic's `POST /v1/messages`.
  init(messages reader: FieldReader) throws(APIError) {
    self.init()
    var names: Set<ExactText> = []
    var tools: [JSONValue] = []
    for (index, tool) in (try reader.array("tools") ?? []).enumerated() {
      let tool = try FieldReader(tool, path: "\(reader.name("tools"))[\(index)]")
      tools.append(["type": "function", "function": .object(try function(messages: tool, &names))])
    }
    if !tools.isEmpty { definitions = .array(tools) }
    guard let choice = try reader.object("tool_choice") else { return }
    let type = try choice.required(string: "type")
    allowsSeveral = try !(choice.bool("disable_parallel_tool_use") ?? false)
    switch type {
    case "auto": break
    case "none": definitions = nil
    case "any", "tool":
      guard !tools.isEmpty else { throw reader.wrongValue("tool_choice", "demands a call, but there are no tools") }
      demand = type == "any" ? .any : try Self.demanded(choice, of: names)
      // Who names a tool wants that one call.
      if type == "tool" { allowsSeveral = false }
    default: throw choice.wrongValue("type", "must be 'auto', 'any', 'tool' or 'none', not '\(type)'")
    }
  }

  /// A tool's function as chat templates expect it.
  private mutating func function(
    messages tool: FieldReader, _ names: inout Set<ExactText>
  ) throws(APIError) -> JSONObject {
    let type = try tool.string("type") ?? "custom"
    guard type == "custom" else {
      throw .unsupported(
        tool.name("type"),
        "\(tool.name("type")) is '\(type)': tools of Anthropic's own are not supported, only those with an input_schema."
      )
    }
    let name = try newName(of: tool, arguments: "input_schema", &names)
    try CacheControl.check(tool)
    guard try tool.object("input_schema") != nil, let schema = tool["input_schema"] else {
      throw tool.missing("input_schema")
    }
    var function: JSONObject = ["name": .string(name)]
    function["description"] = try tool.string("description").map(JSONValue.string)
    function["parameters"] = schema
    function["strict"] = try tool.bool("strict").flatMap { $0 ? true : nil }
    return function
  }
}
