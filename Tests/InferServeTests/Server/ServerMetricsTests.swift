import InferCore
import InferMetrics
import Testing

@testable import infer_serve

@Suite struct ServerMetricsTests {
  @Test func thePageHoldsTheEnginesMetricsAndTheServers() {
    let metrics = ServerMetrics()
    let engines = ["tiny", "other"].map { EngineMetrics(modelName: $0) }
    metrics.httpRequests("/v1/models", "200").increment()
    engines[0].admissionRejections("invalid").increment(by: 2)
    let text = metrics.text(with: engines)
    let lines = text.split(separator: "\n")
    for engine in engines { #expect(Set(engine.text().split(separator: "\n")).isSubset(of: lines)) }
    #expect(!engines[0].text().contains("http_requests"))
    #expect(text.contains("# TYPE infer_http_requests_total counter\n"))
    let labels = "model_name=\"tiny\",engine=\"0\""
    #expect(text.contains("infer_http_requests_total{route=\"/v1/models\",status=\"200\"} 1\n"))
    #expect(text.contains("infer_admission_rejections_total{\(labels),reason=\"invalid\"} 2\n"))
  }
}
