import ArgumentParser
import InferCore
import Testing

@testable import infer_serve

/// Whether a job's ranks compute a model together.
@Suite struct ParallelPlanTests {
  private func plan(
    latency: Double, weightBytes: Int = 1_000_000_000, usable: Int = 16 << 30, tensorObstacle: String? = nil,
    pipelineObstacle: String? = nil
  ) -> ParallelPlan {
    ParallelPlan(
      ranks: 2, link: RankLink(latency: latency, bandwidth: 1e9), bandwidth: 1e10,
      forecast: RankForecast(weightBytes: weightBytes, sums: 40, width: 1536), weightBytes: weightBytes,
      usableMemory: usable, tensorObstacle: tensorObstacle, pipelineObstacle: pipelineObstacle)
  }

  @Test func ranksComputeTogetherWhereThatIsFaster() {
    let near = plan(latency: 50e-6)
    #expect(near.choice == .tensor)
    #expect(
      near.description
        == "tensor=2: 50 µs and 8.0 Gb/s between ranks; tokens a second that are forecast: one rank alone 10.0, tensor=2 19.1, "
        + "pipeline=2 10.0")
    #expect(plan(latency: 2e-3).choice == .alone)
  }

  /// Of 20 GB, half of which a rank reads in a second, 40 sums of 2 ms cost little; 40 of 40 ms cost more than reading all of it
  /// in turn.
  @Test func whatOneHasNoRoomForIsDividedHoweverFarTheyAre() {
    #expect(plan(latency: 2e-3, weightBytes: 20_000_000_000).choice == .tensor)
    let far = plan(latency: 40e-3, weightBytes: 20_000_000_000)
    #expect(
      far.choice == .pipeline && far.description.contains("one rank alone the weights are too large for one machine"))
  }

  @Test func layersThatCannotBeDividedAreDealtOutWhole() {
    let obstacle = "layer 0 has a block of the kind Mamba1"
    #expect(plan(latency: 50e-6, tensorObstacle: obstacle).choice == .alone)
    let large = plan(latency: 50e-6, weightBytes: 20_000_000_000, tensorObstacle: obstacle)
    #expect(large.choice == .pipeline && large.description.contains("tensor=2 \(obstacle)"))
    let whole = plan(
      latency: 50e-6, weightBytes: 20_000_000_000, tensorObstacle: obstacle, pipelineObstacle: "1 layers")
    #expect(whole.choice == .alone)
  }

  @Test func valuesOfTheOption() throws {
    #expect(try ParallelSplit("auto") == .auto)
    let values: [(String, Int, Int)] = [
      ("tensor=4", 4, 1), ("pipeline=3", 1, 3), ("tensor=2,pipeline=2", 2, 2), ("pipeline=2,tensor=4", 4, 2),
      ("expert=2", 2, 1), ("tensor=2,expert=2,pipeline=1", 2, 1), ("tensor=1", 1, 1),
    ]
    for (text, tensor, pipeline) in values {
      let split = try ParallelSplit(text)
      #expect(split == .grid(tensor: tensor, pipeline: pipeline) && split.count == tensor * pipeline, "\(text)")
    }
    let wrong = [
      "": "'' is no part", "4": "'4' is no part", "tensor": "'tensor' has no number", "tensor=": "has no number",
      "tensor=0": "from 1 to 128", "tensor=129": "from 1 to 128", "tensor=2=2": "'tensor=2=2' has no number",
      "Tensor=2": "'Tensor=2' is no part", "tensor=2,": "'' is no part", "tensor=2,tensor=2": "'tensor' stands twice",
      "tensor=2,expert=4": "expected expert=2", "tensor=64,pipeline=4": "64 times 4 processes",
      "pipeline=-1": "has no number",
      "layers=2": "'layers=2' is no part",
    ]
    for (text, says) in wrong {
      let error = #expect(throws: ValidationError.self) { try ParallelSplit(text) }
      #expect(error?.message.contains(says) == true, "\(text): \(error?.message ?? "")")
    }
  }
}
