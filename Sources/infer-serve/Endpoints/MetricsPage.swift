import Hummingbird
import InferMetrics
import NIOCore

/// `GET /metrics`: Prometheus text.
struct MetricsPage: Sendable {
  let metrics: ServerMetrics

  func respond(_ request: Request, _ context: ServeContext) -> Response {
    Response(
      status: .ok, headers: [.contentType: PrometheusText.contentType],
      body: ResponseBody(byteBuffer: ByteBuffer(string: metrics.text())))
  }
}
