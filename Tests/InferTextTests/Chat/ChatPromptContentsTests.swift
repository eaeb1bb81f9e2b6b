import InferText
import Testing

struct ChatPromptContentsTests {
  private let template =
    "{% for m in messages %}<{{ m.role }}>{{ m.content | trim }}</s>{% endfor %}"

  private func prompt(_ contents: [String], template source: String? = nil) throws -> ChatPrompt {
    let messages = contents.map { JSONValue.object(["role": "user", "content": .string($0)]) }
    return try ChatTemplate(source: source ?? template).prompt(messages: .array(messages), addGenerationPrompt: false)
  }

  @Test func aPromptIsCutBehindItsLastContent() throws {
    #expect(try prompt(["a", "ab a"]).ending(withContent: "ab a")?.text == "<user>a</s><user>ab a")
    // White space at the end stays where the template writes it.
    #expect(try prompt(["a "]).ending(withContent: "a ")?.text == "<user>a")
    let exact = "{{ messages[0].content }}</s>"
    #expect(try prompt(["雞 \n"], template: exact).ending(withContent: "雞 \n")?.text == "雞 \n")
    #expect(try prompt(["a"]).ending(withContent: " \n") == nil)
    #expect(try prompt(["a"], template: "{{ messages[0].content | upper }}").ending(withContent: "xyz") == nil)
  }

  @Test func contentsEndWhereTheyStand() throws {
    let contents = ["ok", " ok ", "", "ok"]
    let prompt = try prompt(contents)
    #expect(prompt.text == "<user>ok</s><user>ok</s><user></s><user>ok</s>")
    #expect(prompt.ends(ofContents: contents, at: [0]) == [8])
    // No content stands before those of earlier messages; empty ones and ones that are not there have no place.
    #expect(prompt.ends(ofContents: contents, at: [2, 9]).isEmpty)
    #expect(prompt.ends(ofContents: ["ok", "other"], at: [1]).isEmpty)
    let distinct = try self.prompt(["first", "second", "third"])
    #expect(distinct.ends(ofContents: ["first", "second", "third"], at: [1, 2]) == [27, 42])
  }
}
