import Hummingbird
import InferMetrics
import NIOCore

/// `GET /metrics`: Prometheus text.
struct MetricsPage: Sendable {
  let service: GenerationService

  func respond(_ request: Request, _ context: ServeContext) -> Response {
    let engines = service.state.models.models.map(\.metrics)
    return Response(
      status: .ok, headers: [.contentType: PrometheusText.contentType],
      body: ResponseBody(byteBuffer: ByteBuffer(string: service.metrics.text(with: engines))))
  }
}
