/// The parts of a grammar that calls of tools are, in the formats of ``ToolCallFormat``.
struct CallGrammar {
  let format: ToolCallFormat
  let suffix: String
  /// `true` when arguments stand in a code block, as DeepSeek wrote them before V3.1.
  let isFenced: Bool
  let functions: [CallableFunction]
  let allowsSeveral: Bool
  let marks: AnswerMarks

  /// `true` where there can be a call.
  var areAny: Bool { !functions.isEmpty && format != .none }

  /// The calls of an answer, from the mark before them to that behind them; `nil` where no function can be called.
  func calls(_ grammar: inout Grammar) -> Grammar.Part? {
    guard areAny else { return nil }
    switch format {
    case .none: return nil
    case .hermes:
      let call = bracketed("<tool_call>", json(&grammar), "</tool_call>", &grammar)
      return list(of: call, separator: space(&grammar), &grammar)
    case .granite, .hunyuanA13B, .nemotron, .mistral:
      let (openings, closings) = format.brackets
      let array = bracketed("[", list(of: json(&grammar), separator: comma(&grammar), &grammar), "]", &grammar)
      let start = Grammar.Part.choice(openings.map { mark($0, &grammar) })
      let end = format == .granite || closings.isEmpty ? [] : [space(&grammar), mark(closings[0], &grammar)]
      return .sequence([start, space(&grammar), array] + end)
    case .llama3:
      let call = json(&grammar, arguments: "parameters")
      let separator = Grammar.Part.sequence([grammar.text(";"), space(&grammar)])
      let start = Grammar.Part.repetition(mark("<|python_tag|>", &grammar), least: 0, most: 1)
      return .sequence([start, list(of: call, separator: separator, &grammar)])
    case .qwen3Coder, .hyV3, .glm45: return format.tags(suffix: suffix).map { tagged($0, &grammar) }
    case .deepSeek: return framed(.deepSeek, section: "<｜tool▁calls▁begin｜>", &grammar)
    case .kimiK2: return framed(.kimi, section: "<|tool_calls_section_begin|>", &grammar)
    case .lfm2:
      let call = each(&grammar) { function, grammar in
        .sequence([grammar.text(function.name + "("), named(function.arguments, &grammar), grammar.text(")")])
      }
      let calls = list(of: call, separator: comma(&grammar), &grammar)
      return .sequence([
        mark("<|tool_call_start|>", &grammar), grammar.text("["), calls, grammar.text("]"),
        mark("<|tool_call_end|>", &grammar),
      ])
    case .harmony:
      return each(&grammar) { function, grammar in
        let name = grammar.text(" to=functions.\(function.name)")
        let channel = Grammar.Part.sequence([mark("<|channel|>", &grammar), grammar.text("commentary")])
        let kind = Grammar.Part.repetition(
          .sequence([space(&grammar), mark("<|constrain|>", &grammar), grammar.text("json")]), least: 0, most: 1)
        let arguments =
          if case .object(let machine) = function.arguments {
            grammar.part(TextWithout(machine, HarmonyParser.endings))
          } else {
            object(function.arguments, &grammar)
          }
        return .sequence([
          .choice([.sequence([channel, name]), .sequence([name, channel])]), kind, mark("<|message|>", &grammar),
          arguments,
        ])
      }
    }
  }

  // MARK: Formats

  /// `{"name": …, "arguments": …}`.
  private func json(_ grammar: inout Grammar, arguments key: String = "arguments") -> Grammar.Part {
    each(&grammar) { function, grammar in
      var parts = [grammar.text("{"), space(&grammar), grammar.text("\"name\""), space(&grammar), grammar.text(":")]
      parts += [space(&grammar), grammar.text(JSONValue.string(function.name).serialized()), comma(&grammar)]
      parts += [grammar.text("\"\(key)\""), space(&grammar), grammar.text(":"), space(&grammar)]
      return .sequence(parts + [object(function.arguments, &grammar), space(&grammar), grammar.text("}")])
    }
  }

  private func tagged(_ tags: CallTags, _ grammar: inout Grammar) -> Grammar.Part {
    let call = each(&grammar) { function, grammar in
      .sequence(
        [mark(tags.call, &grammar), grammar.text(function.name)] + (tags.nameEnd.map { [mark($0, &grammar)] } ?? [])
          + [tagged(function.arguments, tags, &grammar), mark(tags.callEnd, &grammar)])
    }
    guard let start = tags.start, let end = tags.end else {
      return list(of: call, separator: space(&grammar), &grammar)
    }
    if tags.wrapsEach {
      let one = Grammar.Part.choice([call, bracketed(start, call, end, &grammar)])
      return list(of: one, separator: space(&grammar), &grammar)
    }
    let all = list(of: call, separator: space(&grammar), &grammar)
    return .choice([all, bracketed(start, all, end, &grammar)])
  }

  private func framed(_ frame: CallFrame, section: String, _ grammar: inout Grammar) -> Grammar.Part {
    let call = each(&grammar) { function, grammar in
      let arguments = object(function.arguments, &grammar)
      var parts = [mark(frame.call, &grammar)]
      if frame.nameIsID {
        let number = Grammar.Part.repetition(
          .language(grammar.automaton.pool.character(of: .digits)), least: 1, most: 4)
        parts += [grammar.text("functions.\(function.name):"), number, mark(frame.nameEnd, &grammar), arguments]
      } else if isFenced {
        parts += [grammar.text("function"), mark(frame.nameEnd, &grammar), grammar.text("\(function.name)\n```json\n")]
        parts += [arguments, grammar.text("\n```")]
      } else {
        parts += [grammar.text(function.name), mark(frame.nameEnd, &grammar), arguments]
      }
      return .sequence(parts + [mark(frame.callEnd, &grammar)])
    }
    let calls = list(of: call, separator: space(&grammar), &grammar)
    return bracketed(section, calls, frame.end, &grammar)
  }

  // MARK: Arguments

  /// Arguments as an object of JSON.
  private func object(_ arguments: CallableFunction.Arguments, _ grammar: inout Grammar) -> Grammar.Part {
    switch arguments {
    case .object(let machine): return grammar.part(machine)
    case .text(let name, let machine):
      let space = space(&grammar)
      return .sequence([
        grammar.text("{"), space, grammar.text(JSONValue.string(name).serialized()), space, grammar.text(":"), space,
        grammar.text("\""), grammar.part(QuotedText(machine)), grammar.text("\""), space, grammar.text("}"),
      ])
    }
  }

  /// Arguments as Python names them.
  private func named(_ arguments: CallableFunction.Arguments, _ grammar: inout Grammar) -> Grammar.Part {
    switch arguments {
    case .object(let machine): return grammar.part(PythonArguments(machine))
    case .text(let name, let machine):
      return .sequence([
        grammar.text("\(name)=\""), grammar.part(QuotedText(machine)), grammar.text("\""),
      ])
    }
  }

  /// Arguments with a tag around each.
  private func tagged(
    _ arguments: CallableFunction.Arguments, _ tags: CallTags, _ grammar: inout Grammar
  ) -> Grammar.Part {
    switch arguments {
    case .object(let machine): return grammar.part(TaggedArguments(tags, machine, marks))
    case .text(let name, let machine):
      let space = grammar.space(upTo: 4)
      let lineBreak = grammar.text(tags.dropsLineBreaks ? "\n" : "")
      return .sequence(
        [space, mark(tags.key, &grammar), grammar.text(name), mark(tags.keyEnd, &grammar)]
          + (tags.value.map { [space, mark($0, &grammar)] } ?? [])
          + [
            lineBreak, grammar.part(machine), lineBreak,
            mark(tags.valueEnd, &grammar), space,
          ])
    }
  }

  // MARK: Parts

  /// A call of each function.
  private func each(
    _ grammar: inout Grammar, _ body: (CallableFunction, inout Grammar) -> Grammar.Part
  ) -> Grammar.Part {
    var calls: [Grammar.Part] = []
    for function in functions { calls.append(body(function, &grammar)) }
    return grammar.rule("call", .choice(calls))
  }

  private func list(
    of part: Grammar.Part, separator: Grammar.Part, _ grammar: inout Grammar
  ) -> Grammar.Part {
    guard allowsSeveral else { return part }
    return .sequence([part, .repetition(.sequence([separator, part]), least: 0, most: nil)])
  }

  private func bracketed(
    _ opening: String, _ part: Grammar.Part, _ closing: String, _ grammar: inout Grammar
  ) -> Grammar.Part {
    .sequence([mark(opening, &grammar), space(&grammar), part, space(&grammar), mark(closing, &grammar)])
  }

  private func mark(_ text: String, _ grammar: inout Grammar) -> Grammar.Part { marks.part(text, &grammar) }

  private func comma(_ grammar: inout Grammar) -> Grammar.Part {
    .sequence([space(&grammar), grammar.text(","), space(&grammar)])
  }

  /// White space between parts, of some bytes at most.
  private func space(_ grammar: inout Grammar) -> Grammar.Part { grammar.space(upTo: 20) }
}

extension Grammar {
  /// White space, of so many bytes at most.
  mutating func space(upTo count: Int) -> Part {
    var bytes = ByteSet()
    for byte in " \n\r\t".utf8 { bytes.insert(byte) }
    return .language(automaton.pool.repetition(automaton.pool.bytes(bytes), least: 0, most: count))
  }
}
