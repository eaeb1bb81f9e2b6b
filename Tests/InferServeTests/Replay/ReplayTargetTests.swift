import ArgumentParser
import Foundation
import InferText
import NIOCore
import NIOHTTP1
import TestSupport
import Testing

@testable import infer_serve

struct ReplayTargetTests {
  @Test(arguments: [
    ("http://h:1", "http://h:1"), ("http://h:1/", "http://h:1"), ("https://h/v1/", "https://h"),
    ("http://[::1]:8/proxy/v1", "http://[::1]:8/proxy"),
  ])
  func basesAreTheServersRoot(_ base: String, _ expected: String) throws {
    let target = try ReplayTarget(base: base, endpoint: "/v1/completions", headers: [("user-agent", "me")])
    #expect(target.base == expected && target.url == expected + "/v1/completions" && target.api == .completions)
    #expect(target.headers["User-Agent"] == ["me"])
  }

  @Test func theEndpointTellsTheForm() throws {
    #expect(try ReplayTarget(base: "http://h", endpoint: "/x/chat/completions").api == .chat)
    #expect(throws: CommandFailure.self) { try ReplayTarget(base: "http://h", endpoint: "v1/completions") }
    for base in ["", "h:80", "ftp://h", "http://", "http://h?x=1"] {
      #expect(throws: CommandFailure.self, "\(base)") { try ReplayTarget(base: base, endpoint: "/v1/completions") }
    }
  }

  @Test func bodiesAreThoseOfOpenAI() throws {
    var template = CompletionTemplate(model: "m", api: .completions)
    let text = String(buffer: template.body(text: "a b", maxTokens: 3))
    #expect(
      try JSONValue(parsing: text) == [
        "model": "m", "max_tokens": 3, "prompt": "a b", "temperature": 0.0, "stream": true,
        "stream_options": ["include_usage": true], "ignore_eos": true,
      ])
    template.api = .chat
    template.ignoresEnd = false
    template.extra = ["temperature": 1, "user": "u"]
    let body = try JSONValue(parsing: String(buffer: template.body(text: "a", maxTokens: 1)))
    #expect(body["messages"] == [["role": "user", "content": "a"]] && body["prompt"] == nil)
    #expect(body["ignore_eos"] == nil && body["temperature"] == 1 && body["user"] == "u")
  }

  private func sessions(_ line: String) throws -> [ReplaySession] {
    let command = try InferServe.parseAsRoot(["bench-serve"] + line.split(separator: " ").map(String.init))
    return try #require(command as? BenchServe).workload.sessions()
  }

  @Test func optionsHaveTheNamesOfVLLMToo() throws {
    let ours = "--requests 7 --input-tokens 9 --output-tokens 3 --prefix-tokens 5 --range-ratio 0.5 --request-rate 2"
    let theirs = """
      --num-prompts 7 --random-input-len 9 --random-output-len 3 --random-prefix-len 5 --random-range-ratio 0.5 \
      --request-rate 2
      """
    #expect(try sessions(ours) == sessions(theirs) && sessions(ours).count == 7)
    #expect(try abs(#require(sessions(ours).last).arrival - 3.5) < 1e-9)
    #expect(try sessions(ours + " --seed 1") != sessions(ours))
    #expect(try sessions("--request-rate inf").map(\.arrival) == [Double](repeating: 0, count: 100))
  }

  @Test func aTracesTimesGiveWayToARate() throws {
    let trace = "--trace azure:\(Fixtures.folder.path)/traces/azure_conv.csv --requests 4"
    #expect(try sessions(trace).map(\.arrival) != sessions(trace + " --request-rate 1").map(\.arrival))
    #expect(try sessions(trace + " --request-rate 1").last?.arrival == 4)
    let (half, whole) = try (sessions(trace + " --rate-scale 2"), sessions(trace))
    #expect(zip(half, whole).allSatisfy { abs($0.arrival * 2 - $1.arrival) < 1e-9 })
  }
}
