import InferText
import TestSupport

/// An answer taken apart, with the pieces of each kind joined.
struct TakenApart: Equatable {
  struct Call: Equatable {
    var name: String
    var id: String?
    var arguments = ""
    var isComplete = true
  }

  var reasoning = ""
  var content = ""
  var calls: [Call] = []

  init(reasoning: String = "", content: String = "", calls: [Call] = []) {
    (self.reasoning, self.content, self.calls) = (reasoning, content, calls)
  }

  init(_ pieces: [OutputPiece]) {
    for piece in pieces {
      switch piece {
      case .reasoning(let text): reasoning += text
      case .content(let text): content += text
      case .call(let name, let id): calls.append(Call(name: name, id: id, isComplete: false))
      case .arguments(let text): calls[calls.count - 1].arguments += text
      case .callEnd: calls[calls.count - 1].isComplete = true
      }
    }
  }

  /// Everything that was said, in the order of its kinds.
  var text: String { reasoning + content + calls.map { $0.name + $0.arguments }.joined() }
}

/// Takes pieces of an answer apart.
func takeApart(_ pieces: [String], _ parser: OutputParser) -> [OutputPiece] {
  var parser = parser
  return pieces.flatMap { parser.append($0) } + parser.finish()
}

extension String {
  /// Both halves at every place between two characters, and every character by itself.
  var cuts: [[String]] {
    let places = indices.dropFirst()
    return places.map { [String(self[..<$0]), String(self[$0...])] } + [map(String.init)]
  }

  /// Pieces of one to `longest` characters.
  func randomCut(upTo longest: Int, using random: inout SeededGenerator) -> [String] {
    var pieces: [String] = []
    var rest = Substring(self)
    while !rest.isEmpty {
      let piece = rest.prefix(Int.random(in: 1...longest, using: &random))
      pieces.append(String(piece))
      rest = rest.dropFirst(piece.count)
    }
    return pieces
  }
}

/// A format by name, as a template without any sign of one would have it.
func outputFormat(_ toolCalls: ToolCallFormat, suffix: String = "") -> OutputFormat {
  var format = OutputFormat(template: suffix.isEmpty ? "" : "<think\(suffix)>")
  format.toolCalls = toolCalls
  if toolCalls == .harmony { format.reasoning = .harmony }
  return format
}

/// A tool with parameters that the members of `properties` describe.
func tool(_ name: String, _ properties: JSONValue, definitions: JSONValue = [:]) -> JSONValue {
  let parameters: JSONValue = ["type": "object", "properties": properties, "$defs": definitions]
  return ["type": "function", "function": ["name": .string(name), "parameters": parameters]]
}

/// Tools with parameters of many types.
let toolDefinitions: JSONValue = [
  tool(
    "get_weather",
    [
      "city": ["type": "string"], "days": ["type": "integer"], "exact": ["type": "boolean"],
      "ratio": ["type": "number"], "tags": ["type": "array"], "where": ["type": "object"],
      "note": ["type": ["string", "null"]], "unit": ["enum": ["c", "f"]],
      "limit": ["anyOf": [["type": "integer"], ["type": "null"]]],
    ]),
  ["type": "function", "function": ["name": "now"]],
]
