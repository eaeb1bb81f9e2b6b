import Foundation
import InferCore
import InferText
import TestSupport
import Testing

@testable import infer_serve

@Suite struct PrefixChainTests {
  private func chain(_ body: JSONValue) throws -> PrefixChain? { PrefixChain(try FieldReader(body)) }

  private func hashes(_ body: JSONValue) throws -> [UInt64] { try chain(body)?.links.map(\.hash) ?? [] }

  /// `Deploy/ray` computes the same, and is held to the same file.
  @Test func hashesAreThoseOfTheRouter() throws {
    let data = try Data(contentsOf: Fixtures.folder.appending(path: "prefixes.json"))
    let cases = try #require(try JSONValue(parsing: Array(data)).array)
    #expect(cases.count >= 10)
    for example in cases {
      let expected = try #require(example["hashes"]?.array).map { UInt64($0.string ?? "", radix: 16) }
      #expect(try hashes(example["body"] ?? .null) == expected, "\(example["body"] ?? .null)")
    }
  }

  @Test func whatBeginsAlikeHasEqualHashes() throws {
    let long = String(repeating: "All men are mortal. ", count: 200)
    func body(_ question: String, _ more: JSONObject = [:]) throws -> [UInt64] {
      var members: JSONObject = [
        "model": "m",
        "messages": [["role": "system", "content": .string(long)], ["role": "user", "content": .string(question)]],
      ]
      members.merge(more)
      return try hashes(.object(members))
    }
    let (one, other) = (try body("Is Socrates?"), try body("Is Zeus?"))
    #expect(one.count == 6 && one.prefix(5) == other.prefix(5) && one[5] != other[5])
    // Members that change nothing in the prompt's beginning, and others that do.
    #expect(try body("Is Socrates?", ["temperature": 1, "stream": true]) == one)
    #expect(try Set(body("Is Socrates?", ["cache_salt": "s"])).isDisjoint(with: one))
    // A longer text begins with the blocks of a shorter one, but for the last.
    let (shorter, longer) = (try hashes(["prompt": .string(long)]), try hashes(["prompt": .string(long + long)]))
    #expect(shorter.count == 5 && shorter.prefix(4) == longer.prefix(4))
  }

  @Test func landmarksStandWhereTextsBegin() throws {
    let text = JSONValue.string(String(repeating: "x", count: 2000))
    let chain = try #require(try chain(["messages": [["content": text], ["content": "short"], ["content": "end"]]]))
    let counts = chain.landmarks(tokenCount: 1000, places: [10, 810, 900]).map(\.tokens)
    #expect(counts.count == 5 && counts[0] == 10 && (400...420).contains(counts[1]))
    #expect(counts[2...] == [810, 900, 1000])
    // Unknown places lie between known ones; impossible ones are left out.
    let guessed = chain.landmarks(tokenCount: 1000, places: [nil, 5000, nil]).map(\.tokens)
    #expect(guessed.count == 4 && guessed == guessed.sorted() && guessed[3] == 1000 && guessed[1] > 900)
  }
}
