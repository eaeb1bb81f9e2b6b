import Dispatch
import Testing

@testable import InferMetrics

@Suite struct MetricsTests {
  @Test func histogramsCountUpToAndIncludingTheirBounds() {
    let histogram = Histogram(bounds: [1, 2.5, 10])
    for value in [0, 1, 1.0001, 2.5, 9, 10, 10.5, 1e9] { histogram.observe(value) }
    #expect(histogram.cumulativeCounts == [2, 4, 6, 8])
    #expect(histogram.sum == 0 + 1 + 1.0001 + 2.5 + 9 + 10 + 10.5 + 1e9)
    histogram.observe(.milliseconds(2500))
    #expect(histogram.cumulativeCounts == [2, 5, 7, 9] && histogram.count == 9)
  }

  @Test func nothingIsLostBetweenThreads() {
    let (counter, gauge, histogram) = (Counter(), Gauge(), Histogram(bounds: [0.5]))
    let family = MetricFamily("f", "", labels: ["x"], known: []) { Counter() }
    DispatchQueue.concurrentPerform(iterations: 20_000) { item in
      counter.increment(by: 2)
      gauge.add(item.isMultiple(of: 2) ? 1 : -0.5)
      histogram.observe(Double(item & 1))
      family(String(item % 7)).increment()
    }
    #expect(counter.value == 40_000 && gauge.value == 5_000)
    #expect(histogram.cumulativeCounts == [10_000, 20_000] && histogram.sum == 10_000)
    #expect(family.members.map(\.metric.value).reduce(0, +) == 20_000)
  }

  @Test func textFollowsTheExpositionFormat() throws {
    var text = PrometheusText(commonLabels: [("model_name", "a\"b\\c\nd")])
    let family = MetricFamily("infer_x_total", "One \\ and\ntwo", labels: ["reason"], known: [["b"], ["a"]]) {
      Counter()
    }
    family("a").increment(by: 3)
    text.write(family)
    let histogram = MetricFamily("infer_h", "H", labels: [], known: [[]]) { Histogram(bounds: [0.0005, 1]) }
    histogram().observe(0.25)
    text.write(histogram)
    #expect(
      text.text == #"""
        # HELP infer_x_total One \\ and\ntwo
        # TYPE infer_x_total counter
        infer_x_total{model_name="a\"b\\c\nd",reason="a"} 3
        infer_x_total{model_name="a\"b\\c\nd",reason="b"} 0
        # HELP infer_h H
        # TYPE infer_h histogram
        infer_h_bucket{model_name="a\"b\\c\nd",le="0.0005"} 0
        infer_h_bucket{model_name="a\"b\\c\nd",le="1.0"} 1
        infer_h_bucket{model_name="a\"b\\c\nd",le="+Inf"} 1
        infer_h_sum{model_name="a\"b\\c\nd"} 0.25
        infer_h_count{model_name="a\"b\\c\nd"} 1

        """#)
    #expect(
      [1e-7, 1e20, .infinity, -.infinity, .nan].map(PrometheusText.number) == ["1e-07", "1e+20", "+Inf", "-Inf", "NaN"])
  }

  /// The format wants all samples of a name together, and its help once.
  @Test func familiesOfOneNameStandTogether() {
    var text = PrometheusText()
    for (model, count) in [("a", 1), ("b", 2)] {
      text.commonLabels = [("model", model)]
      for name in ["infer_x_total", "infer_y_total"] {
        let family = MetricFamily(name, "Some", labels: [], known: [[]]) { Counter() }
        family().increment(by: count)
        text.write(family)
      }
    }
    #expect(
      text.text == """
        # HELP infer_x_total Some
        # TYPE infer_x_total counter
        infer_x_total{model="a"} 1
        infer_x_total{model="b"} 2
        # HELP infer_y_total Some
        # TYPE infer_y_total counter
        infer_y_total{model="a"} 1
        infer_y_total{model="b"} 2

        """)
  }
}
