import InferText
import TestSupport
import Testing

@Suite struct Reasoning {
  @Test(
    arguments: [
      ("<think>\nA\n</think>\n\nB\n", "", "A", "B\n"), ("\n <think>A</think>B", "", "A", "B"),
      ("A\n\n</think>\n\nB", "user<think>\n", "A", "B"), ("B <think>x</think>", "", nil, "B <think>x</think>"),
      ("<think>\nA\n\nA2\n", "", "A\n\nA2", ""), ("<think>\n\n</think>\n\nB", "", nil, "B"),
      ("B", "<think>\n\n</think>\n\n", nil, "B"), ("  \n", "", nil, "  \n"), ("<thin", "", nil, "<thin"),
      ("<think>A</thin", "", "A</thin", ""), ("<think>A</think>B</think>\n<think>C", "", "A", "B</think>\n<think>C"),
      ("<think>A</</think>B", "", "A</", "B"), ("", "", nil, ""), ("x</think>B", "", nil, "x</think>B"),
      ("<think>\r\n雞\r\n</think>\r\n兔", "", "雞", "兔"), ("<think>  A  </think> B", "", "  A  ", " B"),
    ] as [(String, String, String?, String)])
  func splits(_ text: String, _ prompt: String, _ reasoning: String?, _ content: String) {
    let split = ReasoningParser.split(text, prompt: prompt)
    #expect(split.reasoning == reasoning)
    #expect(split.content == content)
  }

  @Test func tagsAreParameters() {
    let tags = ("<think:opensource>", "</think:opensource>")
    let split = ReasoningParser.split("A</think>\n\(tags.1)B", startTag: tags.0, endTag: tags.1, prompt: "x\(tags.0)")
    #expect(split == ("A</think>", "B"))
  }

  @Test func emitsReasoningAsSoonAsItIsCertain() {
    var parser = ReasoningParser()
    #expect(parser.append("<think>\nOne") == [.reasoning("One")])
    #expect(parser.append("\n") == [])
    #expect(parser.append("two </") == [.reasoning("\ntwo ")])
    #expect(parser.append("b></think>\n3") == [.reasoning("</b>"), .content("3")])
    #expect(parser.append("\n") == [.content("\n")])
    #expect(parser.finish() == [])
  }

  @Test func everyCutGivesTheSame() {
    var random = SeededGenerator(seed: 5)
    let parts = ["<think>", "</think>", "\n", "<", "</", "think>", "a", "雞", " ", "<think>", "</think>"]
    for _ in 0..<3000 {
      let text = (0..<Int.random(in: 0...9, using: &random)).map { _ in parts.randomElement(using: &random) ?? "" }
        .joined()
      let prompt = Bool.random(using: &random) ? "<think>" : ""
      let whole = ReasoningParser.split(text, prompt: prompt)
      var parser = ReasoningParser(prompt: prompt)
      var pieces: [ReasoningParser.Piece] = []
      var rest = Substring(text)
      while !rest.isEmpty {
        let piece = rest.prefix(Int.random(in: 1...4, using: &random))
        pieces += parser.append(String(piece))
        rest = rest.dropFirst(piece.count)
      }
      pieces += parser.finish()
      let reasoning = pieces.compactMap { if case .reasoning(let text) = $0 { text } else { nil } }
      let content = pieces.compactMap { if case .content(let text) = $0 { text } else { nil } }
      #expect(reasoning.joined() == whole.reasoning ?? "", "\(text.debugDescription)")
      #expect(content.joined() == whole.content, "\(text.debugDescription)")
      #expect(!(reasoning + content).contains(""))
    }
  }
}
