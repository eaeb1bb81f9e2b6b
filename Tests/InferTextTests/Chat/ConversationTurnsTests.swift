import TestSupport
import Testing

@testable import InferText

@Suite struct ConversationTurnsTests {
  /// Messages by their roles and names: `u`ser, `a`ssistant, `c`all, `r`esult, `s`ystem. A call and its result have the id
  /// behind the letter.
  private func conversation(_ text: String) -> [JSONValue] {
    text.split(separator: " ").map { word in
      let (kind, name) = (word.first, String(word.dropFirst()))
      var members: JSONObject = ["content": .string(String(word))]
      switch kind {
      case "u": members["role"] = "user"
      case "s": members["role"] = "system"
      case "d": members["role"] = "developer"
      case "r":
        members["role"] = "tool"
        if !name.isEmpty { members["tool_call_id"] = .string(name) }
      default:
        members["role"] = "assistant"
        if kind == "c" { members["tool_calls"] = [["id": .string(name), "function": ["name": "f"]]] }
      }
      return .object(members)
    }
  }

  private func text(_ messages: [JSONValue]) -> String {
    messages.compactMap { $0["content"]?.string }.joined(separator: " ")
  }

  @Test(arguments: [
    ("s u1 a1 u2 a2 u3", ["s u1 a1 u2 a2 u3", "s u2 a2 u3", "s u3"]),
    ("a0 s u1 a1 d u2", ["a0 s u1 a1 d u2", "s u1 a1 d u2", "s d u2"]),
    ("u1 cx rx a1 u2 cy ry", ["u1 cx rx a1 u2 cy ry", "u2 cy ry"]),
    // Results whose calls are in an older turn, by id and by order.
    ("u1 a1 u2 cx u3 rx a3 u4", ["u1 a1 u2 cx u3 rx a3 u4", "u2 cx u3 rx a3 u4", "u4"]),
    ("u1 cx u2 cy u3 rx", ["u1 cx u2 cy u3 rx"]),
    ("u1 c u2 r u3", ["u1 c u2 r u3", "u3"]),
    // Results without any call stay where they are.
    ("u1 r7 u2", ["u1 r7 u2", "u2"]),
    ("u1 u2 u3", ["u1 u2 u3", "u2 u3", "u3"]),
    ("s a1 a2", ["s a1 a2"]), ("s", ["s"]), ("", [""]),
  ]) func theOldestTurnsGoWhole(whole: String, shorter: [String]) {
    let turns = ConversationTurns(conversation(whole))
    #expect(turns.count == shorter.count - 1)
    for (count, expected) in shorter.enumerated() where count <= turns.count {
      let left = turns.messages(droppingFirst: count)
      #expect(text(left) == expected && left.count == expected.split(separator: " ").count)
    }
  }

  @Test func idsAreComparedByTheirBytes() {
    let turns = ConversationTurns(conversation("u1 c\u{e9} u2 ca\u{301} u3 cz u4 ra\u{301} u5"))
    #expect(turns.messages(droppingFirst: 1).first?["content"] == "u2")
    #expect(turns.messages(droppingFirst: 2).first?["content"] == "u5" && turns.count == 2)
  }

  /// Whatever the conversation: what must stay stays, results have their calls, and less is left of more.
  @Test func propertiesHoldOverRandomConversations() {
    var random = SeededGenerator(seed: 12)
    for _ in 0..<400 {
      var words: [String] = []
      var open: [Int] = []
      for index in 0..<Int.random(in: 0..<40, using: &random) {
        switch Int.random(in: 0..<8, using: &random) {
        case 0: words.append("s\(index)")
        case 1, 2, 3: words.append("u\(index)")
        case 4:
          words.append("c\(index)")
          open.append(index)
        case 5, 6:
          if let id = open.randomElement(using: &random) {
            words.append("r\(id)")
            open.removeAll { $0 == id }
          }
        default: words.append("a\(index)")
        }
      }
      let turns = ConversationTurns(conversation(words.joined(separator: " ")))
      var before = words
      for count in 0...turns.count {
        let left = turns.messages(droppingFirst: count).compactMap { $0["content"]?.string }
        #expect(left == words.filter(left.contains) && left.count <= before.count && (count == 0 || left != before))
        #expect(words.filter { $0.hasPrefix("s") } == left.filter { $0.hasPrefix("s") })
        if let last = words.lastIndex(where: { $0.hasPrefix("u") }) {
          #expect(left.suffix(words.count - last) == words[last...])
        }
        for word in left where word.hasPrefix("r") { #expect(left.contains("c" + word.dropFirst())) }
        let first = left.first { !$0.hasPrefix("s") }
        #expect(count == 0 || first?.hasPrefix("u") == true, "\(left)")
        before = left
      }
    }
  }
}
