import Testing

@testable import infer_serve

struct ArrivalProcessTests {
  /// Intervals' mean and coefficient of variation.
  private func intervals(_ process: ArrivalProcess, _ count: Int) -> (mean: Double, variation: Double) {
    let times = process.times(count)
    #expect(times == times.sorted())
    let values = Distribution(zip(times.dropFirst(), times).map { $0 - $1 })
    return (values.mean, values.deviation / values.mean)
  }

  @Test(arguments: [0.25, 0.5, 1, 4]) func intervalsHaveTheRateAndTheBurstiness(_ shape: Double) {
    let (mean, variation) = intervals(ArrivalProcess(rate: 8, burstiness: shape, seed: 3), 20_000)
    #expect(abs(mean * 8 - 1) < 0.01)
    // A gamma distribution's deviation is its mean over the root of its shape.
    #expect(abs(variation * shape.squareRoot() - 1) < 0.05)
  }

  @Test func theLastRequestKeepsTheMeanRate() {
    #expect(abs((ArrivalProcess(rate: 4, seed: 1).times(10).last ?? 0) - 2.5) < 1e-9)
  }

  @Test func anInfiniteRateIsAllAtOnce() {
    #expect(ArrivalProcess().times(3) == [0, 0, 0])
    #expect(ArrivalProcess(rate: 1).times(0).isEmpty)
  }

  @Test func theSeedDecides() {
    let first = ArrivalProcess(rate: 1, seed: 5).times(50)
    #expect(first == ArrivalProcess(rate: 1, seed: 5).times(50))
    #expect(first != ArrivalProcess(rate: 1, seed: 6).times(50))
  }
}
