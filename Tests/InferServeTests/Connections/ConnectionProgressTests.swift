import InferText
import NIOCore
import NIOHTTP1
import Testing

@testable import infer_serve

struct ConnectionProgressTests {
  /// One that expectations may change.
  private final class Progress {
    private var value = ConnectionProgress()
    var stage: ConnectionProgress.Stage { value.stage }
    var hasAnsweredAll: Bool { value.hasAnsweredAll }
    func read(_ part: HTTPServerRequestPart) -> Bool { value.read(part) }
    func begin(_ head: HTTPResponseHead) -> Bool { value.begin(head) }
    func end() -> Bool { value.end() }
  }

  private func head(_ headers: HTTPHeaders = [:]) -> HTTPServerRequestPart {
    .head(HTTPRequestHead(version: .http1_1, method: .POST, uri: "/", headers: headers))
  }
  private let answer = HTTPResponseHead(version: .http1_1, status: .ok)
  private let body = HTTPServerRequestPart.body(ByteBuffer(string: "x"))

  @Test func requestsAndAnswersTakeTurns() {
    let progress = Progress()
    for _ in 0..<3 {
      #expect(progress.stage == .idle)
      #expect(progress.read(head()) && progress.stage == .reading)
      #expect(progress.read(body) && progress.read(.end(nil)) && progress.stage == .unanswered)
      #expect(!progress.begin(answer) && progress.stage == .answering)
      #expect(!progress.end() && progress.hasAnsweredAll)
    }
  }

  @Test func anEarlyAnswerIsTheLastAndTheRestOfItsRequestForNobody() {
    let progress = Progress()
    _ = progress.read(head())
    #expect(progress.read(body))
    #expect(progress.begin(answer))
    #expect(!progress.read(body) && !progress.read(.end(nil)) && !progress.read(head()))
    #expect(progress.end() && progress.stage == .closing)
  }

  @Test func aClosingRequestOfSeveralIsTheLast() {
    let progress = Progress()
    for part in [head(), .end(nil), head(["Connection": "Close"]), .end(nil)] { #expect(progress.read(part)) }
    #expect(!progress.read(head()))
    #expect(!progress.begin(answer) && !progress.end() && progress.stage == .unanswered)
    #expect(progress.begin(answer) && progress.end() && progress.stage == .closing)
  }

  @Test func aStreamOfEventsIsKnownByItsType() {
    let progress = Progress()
    for part in [head(), .end(nil)] { _ = progress.read(part) }
    _ = progress.begin(
      HTTPResponseHead(version: .http1_1, status: .ok, headers: ["Content-Type": "text/event-stream; charset=utf-8"]))
    #expect(progress.stage == .events)
  }
}
