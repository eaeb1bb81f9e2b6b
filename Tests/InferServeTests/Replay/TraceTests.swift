import Foundation
import InferText
import TestSupport
import Testing

@testable import infer_serve

struct TraceTests {
  private func file(_ text: String) -> TraceFile { TraceFile(path: "x", bytes: Array(text.utf8)) }

  private func fixture(_ name: String) throws -> TraceFile {
    try TraceFile(path: Fixtures.folder.appending(path: "traces/\(name)").path)
  }

  private func complaint(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "none"
    } catch { return error.localizedDescription }
  }

  @Test func azureTracesAreRead() throws {
    let requests = try AzureTrace.read(fixture("azure_conv.csv"))
    #expect(requests.count == 20)
    #expect(requests[0].inputTokens == 374 && requests[0].outputTokens == 44 && requests[0].blocks.isEmpty)
    #expect(abs(requests[1].time - requests[0].time - 4.314579) < 1e-5)
    let sessions = RecordedWorkload(rateScale: 2, lengthScale: 0.5).sessions(requests)
    #expect(sessions[0].arrival == 0 && abs(sessions[1].arrival - 2.1572895) < 1e-5)
    #expect(sessions[0].turns == [ReplayTurn(prompt: .pieces([.unique(0, tokens: 187)]), output: .tokens(22))])
  }

  @Test func timesAreThoseOfTheCalendar() {
    #expect(AzureTrace.seconds("1970-01-02 00:00:01.5") == 86_401.5)
    #expect(AzureTrace.seconds("2024-02-29T23:59:59Z") == 1_709_251_199)
    #expect(AzureTrace.seconds("2024-05-10 00:00:00.250000+00:00") == 1_715_299_200.25)
    #expect(AzureTrace.seconds("2024-05-10 02:00:00+02:00") == 1_715_299_200)
    for text in [
      "", "2024-05-10", "2024-13-10 00:00:00", "2024-05-10 00:00:00.", "2024-05-10 00:00:00+", "x",
      "2024-05-10 00:00:00 ",
    ] {
      #expect(AzureTrace.seconds(text) == nil, "\(text)")
    }
  }

  @Test(arguments: [
    ("", "x: expected the header"),
    ("a,b\n", #"x:1: expected the header "TIMESTAMP,ContextTokens,GeneratedTokens", found "a,b""#),
    ("TIMESTAMP,ContextTokens,GeneratedTokens\r\n\n2023-11-16 18:17:03,5\r\n", "x:3: expected 3 fields"),
    ("TIMESTAMP,ContextTokens,GeneratedTokens\n1.5,5,5\n", "x:2: TIMESTAMP must be a time such as"),
    ("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03,-5,5\n", "x:2: ContextTokens must be a number of"),
    ("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03,5,99999999999999999999\n", "x:2: GeneratedTokens"),
  ])
  func damagedAzureTracesAreRefused(_ text: String, _ expected: String) {
    let said = complaint { _ = try AzureTrace.read(file(text)) }
    #expect(said.hasPrefix(expected), "\(said)")
  }

  @Test func blocksWithEqualNumbersAreEqualPieces() throws {
    let requests = try MooncakeTrace.read(fixture("mooncake_conversation.jsonl"))
    #expect(requests.count == 20 && requests[0].blocks == Array(0...13) && requests[0].outputTokens == 500)
    let sessions = RecordedWorkload(lengthScale: 0.25).sessions(requests)
    guard case .pieces(let first) = sessions[0].turns[0].prompt, case .pieces(let second) = sessions[1].turns[0].prompt
    else {
      Issue.record("no pieces")
      return
    }
    #expect(first[0] == .shared(0, tokens: 128) && first[0] == second[0] && first[1] != second[1])
    // 6758 tokens are 13 blocks and a part, a quarter of that 1690.
    #expect(first.count == 14 && first.reduce(0) { $0 + $1.tokens } == 1690)
  }

  @Test func requestsWithoutBlocksForAllTokensHaveTheirOwnRest() {
    let request = RecordedRequest(time: 1, inputTokens: 700, outputTokens: 0, blocks: [4])
    let sessions = RecordedWorkload().sessions([request, RecordedRequest(time: 0, inputTokens: 0, outputTokens: 1)])
    // In the order of times, and nothing is empty.
    #expect(sessions[0].turns[0].prompt == .pieces([.unique(1, tokens: 1)]))
    #expect(sessions[1].turns[0].prompt == .pieces([.shared(4, tokens: 512), .unique(0, tokens: 188)]))
    #expect(sessions[1].turns[0].output == .tokens(1) && sessions[1].arrival == 1)
  }

  @Test(arguments: [
    ("\n", "x: expected an object a line"),
    ("{}\n{\"timestamp\": 0", "x:1: timestamp must be a number of milliseconds, not absent"),
    ("{\"timestamp\": 0,", "x:1: column 17:"), ("[]", "x:1: expected an object with timestamp"),
    (#"{"timestamp": 0, "input_length": "9"}"#, #"x:1: input_length must be a number of tokens"#),
    (#"{"timestamp": 0, "input_length": 9, "output_length": 1e30}"#, #"x:1: output_length must be a number"#),
    (#"{"timestamp": 0, "input_length": 9, "output_length": 1, "hash_ids": [1, -1]}"#, "x:1: hash_ids must hold"),
    (
      #"{"timestamp": 0, "input_length": 9, "output_length": 1}"#,
      "x:1: hash_ids must be an array of numbers, not absent"
    ),
  ])
  func damagedMooncakeTracesAreRefused(_ text: String, _ expected: String) {
    let said = complaint { _ = try MooncakeTrace.read(file(text)) }
    #expect(said.hasPrefix(expected), "\(said)")
  }

  @Test func conversationsBecomeTurns() throws {
    let text = """
      [{"id": "a", "conversations": [{"from": "gpt", "value": "unasked"}, {"from": "system", "value": "S"},
        {"from": "human", "value": "Q1"}, {"from": "gpt", "value": "A1"}, {"from": "human", "value": "Q2"}]},
       {"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]},
       {"conversations": []}]
      """
    let sessions = try ConversationFile(lengthScale: 2).sessions(file(text))
    #expect(sessions.map(\.turns.count) == [2, 1])
    #expect(
      sessions[0].turns[0]
        == ReplayTurn(
          prompt: .messages([["role": "system", "content": "S"], ["role": "user", "content": "Q1"]]),
          output: .text("A1", scale: 2)))
    #expect(sessions[0].turns[1].output == .tokens(128))
    #expect(try ConversationFile(outputTokens: 7).sessions(file(text))[1].turns[0].output == .tokens(7))
    #expect(sessions.cut(toRequests: 1).map(\.turns.count) == [1])
    #expect(sessions.cut(toRequests: 3).map(\.turns.count) == [2, 1])
  }

  @Test(arguments: [
    ("[\n{\"a\": }]", "x:2: column 7:"), ("{}", "x: expected an array of conversations, found an object"),
    ("[]", "x: expected conversations"), (#"[{"conversations": 1}]"#, "x: conversation 1: expected an object"),
    (#"[{"conversations": [{"from": "human"}]}]"#, "x: conversation 1, message 1: expected a string \"value\""),
    (#"[{"conversations": [{"from": "tool", "value": ""}]}]"#, "x: conversation 1, message 1: expected from"),
  ])
  func damagedConversationsAreRefused(_ text: String, _ expected: String) {
    let said = complaint { _ = try ConversationFile().sessions(file(text)) }
    #expect(said.hasPrefix(expected), "\(said)")
  }

  @Test func filesThatAreNotThereAreNamed() {
    #expect(complaint { _ = try TraceFile(path: "/nowhere/x.csv") }.hasPrefix("cannot read /nowhere/x.csv"))
  }
}
