import InferMetrics
import Testing

@testable import infer_serve

struct RecentDistributionTests {
  @Test func quantilesLieBetweenBounds() {
    let histogram = Histogram(bounds: [1, 2, 4])
    var recent = RecentDistribution(histogram, window: 2)
    recent.sample()
    #expect(recent.quantile(0.5) == nil)
    for value in [0.5, 1.5, 1.5, 3] { histogram.observe(value) }
    recent.sample()
    #expect(recent.quantile(0.25) == 1)
    #expect(recent.quantile(0.5) == 1.5)
    #expect(recent.quantile(1) == 4)
    // Above the last bound nothing is known.
    histogram.observe(100)
    recent.sample()
    #expect(recent.quantile(1) == 4)
  }

  @Test func whatWasCountedBeforeTheWindowIsForgotten() {
    let histogram = Histogram(bounds: [1, 2, 4])
    var recent = RecentDistribution(histogram, window: 2)
    histogram.observe(0.5)
    for _ in 0..<3 { recent.sample() }
    histogram.observe(3)
    recent.sample()
    #expect(recent.quantile(0.5) == 3)
    for _ in 0..<2 { recent.sample() }
    #expect(recent.quantile(0.5) == nil)
  }
}
