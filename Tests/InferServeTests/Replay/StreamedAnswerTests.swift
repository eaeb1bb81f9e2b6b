import Testing

@testable import infer_serve

struct StreamedAnswerTests {
  private func events(_ pieces: [String]) throws -> [String] {
    var parser = EventStreamParser()
    var events: [[UInt8]] = []
    for piece in pieces { events += try parser.take(piece.utf8) }
    return (events + [parser.finish()].compactMap { $0 }).map { String(decoding: $0, as: UTF8.self) }
  }

  @Test func eventsAreTheSameHoweverTheyAreCut() throws {
    let text = ": hello\r\nevent: x\r\ndata: {\"ü\": 1}\r\n\r\n\rdata:a\rdata: b\r\rid: 5\n\ndata\n\ndata: [DONE]\n"
    let whole = try events([text])
    #expect(whole == ["{\"ü\": 1}", "a\nb", "", "[DONE]"])
    var parser = EventStreamParser()
    var single: [[UInt8]] = []
    for byte in text.utf8 { single += try parser.take([byte]) }
    #expect((single + [parser.finish()].compactMap { $0 }).map { String(decoding: $0, as: UTF8.self) } == whole)
  }

  @Test func aLineWithoutAnEndIsRefused() {
    var parser = EventStreamParser(limit: 100)
    #expect(throws: EventStreamParser.Failure.self) {
      for _ in 0..<30 { _ = try parser.take("data: 12345".utf8) }
    }
  }

  private func outcome(_ events: [(Double, String)]) throws -> RequestOutcome {
    var answer = StreamedAnswer(start: 10)
    for (time, event) in events { try answer.take(Array(event.utf8), at: time) }
    return try answer.outcome()
  }

  @Test func timesAreThoseOfText() throws {
    let outcome = try outcome([
      (10.1, #"{"choices": [{"delta": {"role": "assistant", "content": ""}}]}"#),
      (10.2, #"{"choices": [{"delta": {"reasoning_content": "hm"}}]}"#),
      (10.3, #"{"choices": [{"delta": {"content": "a"}}]}"#), (10.5, #"{"choices": [{"delta": {"content": "b"}}]}"#),
      (10.6, #"{"choices": [{"delta": {}, "finish_reason": "stop"}]}"#),
      (
        10.7,
        #"{"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 5}}}"#
      ), (10.8, "[DONE]"),
    ])
    #expect(abs(outcome.timeToFirstToken - 0.2) < 1e-9 && abs(outcome.latency - 0.5) < 1e-9)
    #expect(outcome.gaps.count == 2 && outcome.text == "ab")
    #expect(outcome.promptTokens == 9 && outcome.outputTokens == 4 && outcome.cachedTokens == 5)
    #expect(abs((outcome.timePerOutputToken ?? 0) - 0.1) < 1e-9)
  }

  @Test func llamaServersTimingsCount() throws {
    let outcome = try outcome([
      (11, #"{"choices": [{"text": "a", "finish_reason": null}]}"#),
      (
        12,
        #"{"choices": [{"text": "b", "finish_reason": "length"}], "timings": {"cache_n": 7, "prompt_n": 3, "predicted_n": 2}}"#
      ),
    ])
    #expect(outcome.promptTokens == 10 && outcome.cachedTokens == 7 && outcome.outputTokens == 2)
  }

  @Test func answersOfNoTextHaveTheTimeOfTheirEnd() throws {
    let outcome = try outcome([(13, #"{"choices": [{"text": "", "finish_reason": "stop"}]}"#), (14, "[DONE]")])
    #expect(outcome.latency == 3 && outcome.timeToFirstToken == 3 && outcome.outputTokens == 0)
    #expect(outcome.cachedTokens == nil && outcome.timePerOutputToken == nil)
  }

  @Test(arguments: [
    (#"{"choices": [{"text": "a"}]}"#, "the stream ended before the answer did"),
    (#"{"error": {"message": "no memory"}}"#, "no memory"), (#"{"error": "gone"}"#, "gone"),
    ("[DONE]", "the answer held neither text nor an end"), ("hello", "an event is no JSON"),
  ])
  func whatIsNoAnswerIsAFailure(_ event: String, _ expected: String) {
    do {
      _ = try outcome([(11, event)])
      Issue.record("no failure")
    } catch { #expect("\(error)".hasPrefix(expected), "\(error)") }
  }

  @Test func numbersThatNoServerMeansAreNotTakenOver() throws {
    let outcome = try outcome([
      (
        11,
        #"{"choices": [{"text": "a", "finish_reason": "stop"}], "usage": {"prompt_tokens": -3, "completion_tokens": 9223372036854775807}}"#
      )
    ])
    #expect(outcome.promptTokens == 0 && outcome.outputTokens == 1)
  }

  @Test func bodiesOfErrorsAreSummedUp() {
    #expect(ErrorBody.summary(Array(#"{"error": {"message": "a\nb", "code": 1}}"#.utf8)) == "a b")
    #expect(ErrorBody.summary(Array(#"{"detail": "Not Found"}"#.utf8)) == "Not Found")
    #expect(ErrorBody.summary(Array("<html>\n".utf8)) == "<html>")
    #expect(ErrorBody.summary(Array(repeating: 65, count: 5000)).count == 201)
  }
}
