import TestSupport
import Testing

@testable import InferText

/// Arguments that have in them what ends arguments, or look like something else: a call that a constraint allows is read back
/// as what it says, in every format, or there is none.
@Suite(.timeLimit(.minutes(10))) struct HostileArgumentTests {
  private static let formats = ToolCallFormat.allCases.filter { $0 != .none }

  static let texts = [
    "", " a ", "a\"b", "it's", "<b>", "a</parameter>b", "</arg_value>", "\n", "a\n", "\na", "é😀", "\\n", "a\\", "\u{1}",
    "\u{7F}\u{2028}", "</tool_call>", "<parameter=x>", "\", \"x\": \"", ")]", "True", "1", "{\"a\": 1}", "<|end|>",
    "\n```", "<｜tool▁call▁end｜>", "[TOOL_CALLS]", "a=1, b=2", "</parameter",
  ]

  /// Objects that have a text as a member, within one, among others, or as a name.
  private static func schemas(_ text: String) -> [JSONValue] {
    let value = JSONValue.string(text)
    let members: [JSONObject] = [
      ["v": ["const": value], "w": ["enum": [value, 1]]], ["l": ["const": [value, value]]],
      ["o": ["const": .object(["x": value])]], ["v": ["enum": [value, 7], "type": ["string", "integer"]]],
      [text: ["const": true]],
    ]
    return members.map { members in
      [
        "type": "object", "properties": .object(members), "required": .array(members.keys.map(JSONValue.string)),
        "additionalProperties": false,
      ]
    }
  }

  /// A call at random, byte by byte; `nil`, and what was there, where nothing can follow.
  private static func call(
    _ machine: inout GrammarMachine, behind start: String, _ bytes: [UInt8], _ random: inout SeededGenerator
  ) -> (text: String, isWhole: Bool) {
    var text = Array(start.utf8)
    var state = text.reduce(machine.start) { machine.next($0, $1) }
    while text.count < 2000, !machine.isAccepting(state) {
      // White space and escapes now and then, so that texts end.
      let isPlain = Int.random(in: 0..<4, using: &random) > 0
      let some = isPlain ? bytes.filter { $0 > 0x20 && $0 != UInt8(ascii: "\\") } : bytes
      var next = some.filter { machine.next(state, $0) != 0 }
      if next.isEmpty { next = (0..<0xFE).filter { machine.next(state, $0) != 0 } }
      guard let byte = next.randomElement(using: &random) else { return (String(decoding: text, as: UTF8.self), false) }
      text.append(byte)
      state = machine.next(state, byte)
    }
    return (String(decoding: text, as: UTF8.self), text.count < 2000)
  }

  @Test(arguments: formats) func areReadBack(_ format: ToolCallFormat) throws {
    var random = SeededGenerator(seed: 17)
    var refused = 0
    // Thoughts at random would seldom end.
    let start = format == .harmony ? "<|channel|>commentary to=functions.f<|message|>" : ""
    let turn = Self.formats.firstIndex(of: format) ?? 0
    for (index, text) in Self.texts.enumerated() {
      // A third of the pairs of a text and a schema in each format, all of them in three formats that follow each other.
      for (place, schema) in Self.schemas(text).enumerated() where (turn + index + place) % 3 == 0 {
        let tools: JSONValue = [["function": ["name": "f", "parameters": schema, "strict": true]]]
        let rules = CallRules(tools: tools, allowsSeveral: false, demand: .any)
        var machine: GrammarMachine
        do {
          machine = try AnswerGrammar(content: nil, rules, outputFormat(format), AnswerMarks()).machine()
        } catch {
          #expect(error.part == .parameters(tool: 0, name: "f") && error.reason.contains("told apart"), "\(error)")
          refused += 1
          continue
        }
        let valid = try Constraint(schema: schema, for: .bytes)
        let bytes = Array(Set(Array(text.utf8) + Array(" \n\\\"'{}[]:,fvwlox=<>/parmetgul01u".utf8))).sorted()
        do {
          let (answer, isWhole) = Self.call(&machine, behind: start, bytes, &random)
          guard isWhole else {
            Issue.record("\(schema.serialized()): nothing behind \(answer.debugDescription)")
            continue
          }
          let read = TakenApart(takeApart([answer], OutputParser(outputFormat(format), prompt: "", tools: tools)))
          let arguments = read.calls.first.flatMap { try? JSONValue(parsing: $0.arguments) }
          let isValid = arguments.map { valid.accepts($0.serialized()) } ?? false
          #expect(
            read.calls.map(\.name) == ["f"] && isValid, "\(schema.serialized()): \(answer.debugDescription) is \(read)")
        }
      }
    }
    // Only formats in which names and texts stand as they are have no place for some.
    #expect((refused > 0) == [.qwen3Coder, .hyV3, .glm45, .lfm2].contains(format), "\(refused)")
  }
}
