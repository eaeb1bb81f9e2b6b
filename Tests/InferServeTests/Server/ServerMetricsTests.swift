import InferCore
import InferMetrics
import Testing

@testable import infer_serve

@Suite struct ServerMetricsTests {
  @Test func thePageHoldsTheEnginesMetricsAndTheServers() {
    let metrics = ServerMetrics(engine: EngineMetrics(modelName: "tiny"))
    metrics.httpRequests("/v1/models", "200").increment()
    metrics.engine.admissionRejections("invalid").increment(by: 2)
    let text = metrics.text()
    #expect(text.hasPrefix(metrics.engine.text()) && !metrics.engine.text().contains("http_requests"))
    #expect(text.contains("# TYPE infer_http_requests_total counter\n"))
    let labels = "model_name=\"tiny\",engine=\"0\""
    #expect(text.contains("infer_http_requests_total{\(labels),route=\"/v1/models\",status=\"200\"} 1\n"))
    #expect(text.contains("infer_admission_rejections_total{\(labels),reason=\"invalid\"} 2\n"))
  }
}
