import Foundation
import TestSupport
import Testing

@testable import InferText

/// What templates take, and what is made of messages that they do not.
@Suite struct MessageConventionsTests {
  /// Refuses system messages that are not the first, as Qwen3.5's does.
  private static let first = """
    {%- for m in messages -%}{%- if m.role == 'system' and not loop.first -%}
    {{- raise_exception('System message must be at the beginning.') -}}{%- endif -%}
    <{{ m.role }}>{{ m.content }}{%- endfor -%}
    """
  /// Knows nothing but turns by turns, as Gemma 2's does.
  private static let turns = """
    {%- for m in messages -%}{%- if m.role != ['user', 'assistant'][loop.index0 % 2] -%}
    {{- raise_exception('Conversation roles must alternate') -}}{%- endif -%}
    <{{ m.role }}>{{ m.content }}{%- endfor -%}
    """
  /// Says nothing and leaves out what it does not expect.
  private static let silent = """
    {%- for m in messages -%}{%- if m.role != 'system' or loop.first -%}<{{ m.role }}>{{ m.content }}{%- endif -%}
    {%- endfor -%}
    """
  private static let developer = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{# developer #}"

  private func render(_ source: String, _ turns: String...) throws -> String {
    let messages: [JSONValue] = turns.map { turn in
      let parts = turn.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      return ["role": .string(parts[0]), "content": .string(parts[1])]
    }
    return try ChatTemplate(source: source).probed().render(messages: .array(messages))
  }

  @Test(arguments: [first, silent]) func systemMessagesAreJoinedInTheFirst(_ source: String) throws {
    #expect(try render(source, "system:a", "user:b") == "<system>a<user>b")
    #expect(try render(source, "system:a", "system:b", "user:c") == "<system>a\n\nb<user>c")
    #expect(try render(source, "system:a", "user:b", "system:c") == "<system>a\n\nc<user>b")
    #expect(try render(source, "user:a", "developer:b", "user:c") == "<system>b<user>a<user>c")
    #expect(try render(source, "system:", "user:a", "system:b") == "<system>b<user>a")
    let sentences = try ChatTemplate(source: source).probed().adaptations
    #expect(sentences.count == 1 && sentences[0].hasPrefix("The chat template takes one system message"))
    #expect(try ChatTemplate(source: source).adaptations == [])
  }

  @Test func whereThereAreNoneTheyArePutBeforeTheUsersText() throws {
    #expect(try render(Self.turns, "system:a", "user:b", "assistant:c", "user:d") == "<user>a\n\nb<assistant>c<user>d")
    #expect(try render(Self.turns, "user:a", "assistant:b", "system:c", "user:d") == "<user>c\n\na<assistant>b<user>d")
    #expect(try render(Self.turns, "system:a") == "<user>a")
    #expect(try render(Self.turns, "user:a", "user:b", "assistant:c", "assistant:d") == "<user>a\n\nb<assistant>c\n\nd")
    #expect(try ChatTemplate(source: Self.turns).probed().adaptations.count == 2)
  }

  @Test func whatIsTakenStaysAsItIs() throws {
    #expect(try render(Self.developer, "developer:a", "system:b", "user:c") == "<developer>a<system>b<user>c")
    let plain = Self.developer.replacing("developer", with: "")
    #expect(try render(plain, "developer:a", "user:c", "system:b") == "<system>a<user>c<system>b")
    #expect(try ChatTemplate(source: plain).probed().adaptations == [])
    // A template that needs what is not known here is left alone.
    let demanding = "{{ raise_exception('no') if not date else messages[0].content }}"
    #expect(try ChatTemplate(source: demanding).probed().adaptations == [])
  }

  @Test func contentsInPartsAreJoinedAsParts() throws {
    let template = try ChatTemplate(
      source: Self.first.replacing(
        "{{ m.content }}",
        with: "{{ m.content if m.content is string else m.content | map(attribute='text') | join('|') }}"))
    let messages: JSONValue = [
      ["role": "system", "content": [["type": "text", "text": "a"], ["type": "text", "text": "b"]]],
      ["role": "system", "content": "c"], ["role": "user", "content": "d"],
    ]
    #expect(try template.probed().render(messages: messages) == "<system>a|b|\n\n|c<user>d")
  }

  /// The messages are those of a client, also where they have been joined.
  @Test func joinedMessagesAreFromOutside() throws {
    let prompt = try ChatTemplate(source: Self.first).probed().prompt(messages: [
      ["role": "system", "content": "a"], ["role": "system", "content": "b"], ["role": "user", "content": "c"],
    ])
    #expect(prompt.segments.filter { !$0.isFromTemplate }.map(\.text) == ["a\n\nb", "c"])
  }

  @Test func realTemplatesTakeWhatTheyAreKnownToTake() throws {
    func adaptations(_ name: String) throws -> [String] {
      let file = ChatTemplateReference.bundled.appending(path: "\(name).jinja")
      return try ChatTemplate(source: try String(contentsOf: file, encoding: .utf8)).probed().adaptations
    }
    #expect(try adaptations("Qwen3.5-4B").count == 1 && adaptations("tiny").count == 1)
    #expect(try adaptations("Qwen-Qwen3-0.6B") == [] && adaptations("microsoft-Phi-3.5-mini-instruct") == [])
    let qwen = try String(
      contentsOf: ChatTemplateReference.bundled.appending(path: "Qwen3.5-4B.jinja"), encoding: .utf8)
    let prompt = try ChatTemplate(source: qwen).probed().render(messages: [
      ["role": "system", "content": "Be brief."], ["role": "system", "content": "Be kind."],
      ["role": "user", "content": "Hi"], ["role": "system", "content": "Be quick."],
      ["role": "user", "content": "Bye"],
    ])
    #expect(prompt.hasPrefix("<|im_start|>system\nBe brief.\n\nBe kind.\n\nBe quick.<|im_end|>\n<|im_start|>user\nHi"))
  }
}
