import InferMetrics
import Testing

@testable import infer_serve

struct UsageTallyTests {
  private let metrics = ServerMetrics()

  private func generation(prompt: Int, generated: Int) -> RequestRecord.Generation {
    RequestRecord.Generation(promptTokens: prompt, generatedTokens: generated)
  }

  private func tokens(_ kind: String) -> Int { metrics.keyTokens("k", "m", kind).value }

  @Test func tokensAreCountedAsTheyComeAndOnce() {
    let tally = UsageTally(key: "k", model: "m", metrics, nil)
    #expect(metrics.keyRunning("k", "m").value == 1)
    tally.add(3)
    tally.add(2)
    #expect(tokens("generated") == 5 && tokens("prompt") == 0)
    // Tokens whose text came to nobody cost as much.
    tally.finish(generation(prompt: 7, generated: 6))
    #expect(tokens("generated") == 6 && tokens("prompt") == 7)
    #expect(metrics.keyRunning("k", "m").value == 0)
    withExtendedLifetime(tally) {}
  }

  @Test func aRequestThatIsRefusedIsNotUnderWayAnyLonger() {
    for _ in 0..<2 { _ = UsageTally(key: "k", model: "m", metrics, nil) }
    let tally = UsageTally(key: "k", model: "m", metrics, nil)
    tally.finish(generation(prompt: 0, generated: 0))
    #expect(metrics.keyRunning("k", "m").value == 0 && tokens("prompt") == 0)
  }

  @Test func requestsWithoutAKeyHaveNoMetrics() {
    let tally = UsageTally(key: nil, model: "m", metrics, nil)
    tally.add(3)
    tally.finish(generation(prompt: 1, generated: 3))
    #expect(metrics.keyRunning.members.isEmpty && metrics.keyTokens.members.isEmpty)
  }
}
