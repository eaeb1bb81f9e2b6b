import InferCore
import Testing

@testable import infer_serve

/// Whether a job's ranks compute a model together.
@Suite struct ParallelPlanTests {
  private func plan(
    latency: Double, weightBytes: Int = 1_000_000_000, usable: Int = 16 << 30, obstacle: String? = nil
  ) -> ParallelPlan {
    ParallelPlan(
      ranks: 2, link: RankLink(latency: latency, bandwidth: 1e9), bandwidth: 1e10,
      forecast: RankForecast(weightBytes: weightBytes, sums: 40, width: 1536), weightBytes: weightBytes,
      usableMemory: usable, obstacle: obstacle)
  }

  @Test func ranksComputeTogetherWhereThatIsFaster() {
    let near = plan(latency: 50e-6)
    #expect(near.isDivided)
    #expect(
      near.description
        == "tensor=2: 50 µs and 8.0 Gb/s between ranks, 19.1 tokens a second by 2 ranks and 10.0 by one are forecast")
    #expect(!plan(latency: 2e-3).isDivided)
  }

  @Test func whatOneHasNoRoomForIsDividedHoweverFarTheyAre() {
    let far = plan(latency: 2e-3, weightBytes: 20_000_000_000)
    #expect(far.isDivided && far.description.contains("too large for one machine"))
  }

  @Test func whatCannotBeDividedIsComputedByOne() {
    let plan = plan(latency: 50e-6, obstacle: "layer 0 has a block of the kind Mamba1")
    #expect(!plan.isDivided)
    #expect(
      plan.description
        == "one rank alone: 50 µs and 8.0 Gb/s between ranks, layer 0 has a block of the kind Mamba1")
  }

  @Test func valuesOfTheOption() {
    #expect(ParallelSplit(argument: "tensor=4") == .tensor(4))
    #expect(ParallelSplit(argument: "auto") == .auto)
    for wrong in ["", "4", "tensor", "tensor=", "tensor=0", "tensor=129", "tensor=2=2", "expert=2", "Tensor=2"] {
      #expect(ParallelSplit(argument: wrong) == nil)
    }
  }
}
