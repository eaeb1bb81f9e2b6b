import Hummingbird
import InferCore
import InferMetrics
import InferText
import Testing

@testable import infer_serve

/// Holds the document of `GET /openapi.json` to the routes and to what decodes.
struct OpenAPITests {
  private static let service = GenerationService(
    state: ServerState(.unloaded(["tiny"])), metrics: ServerMetrics(),
    limits: GenerationService.Limits(bodyBytes: 1024, requestTime: .seconds(60)),
    bodies: BodyBudget(limit: 1 << 20), workers: RequestWorkers(processors: 2),
    responses: ResponseStore(limit: 1 << 20), logger: HTTPServer.quietLogger)
  private static let endpoints = Routes.endpoints(service)
  private static let document = OpenAPI.document(endpoints.map(\.route))

  /// `METHOD path` of the document, in every spelling of the path.
  private static var described: Set<String> {
    let paths = document["paths"]?.object ?? [:]
    var found: Set<String> = []
    for (path, item) in paths {
      let first = item["$ref"]?.string.map { String($0.dropFirst("#/paths/".count)).replacing("~1", with: "/") }
      for method in (paths[first ?? path] ?? .null).keys { found.insert("\(method.uppercased()) \(path)") }
    }
    return found
  }

  @Test func everyRouteOfTheRouterIsDescribed() {
    // The router knows all methods on all paths; those that are not the endpoint's are answered by 405.
    let answered = Set(
      Self.endpoints.flatMap { endpoint in
        endpoint.route.paths.flatMap { path in endpoint.route.methods.map { "\($0.rawValue) \(path)" } }
      })
    let refused = Set(["/api/pull", "/api/push", "/api/create", "/api/copy", "/api/delete", "/api/blobs/{digest}"])
    var routed: Set<String> = []
    for route in Routes.router(Self.service, origins: OriginRule(names: [], isLoopback: true)).routes {
      let name = "\(route.method.rawValue) \(route.path)"
      guard answered.contains(name), !refused.contains("\(route.path)"), !name.hasSuffix("/**") else { continue }
      routed.insert(name)
    }
    #expect(routed.count > 60)
    #expect(routed.subtracting(Self.described) == [], "routes without an Operation in Routes.endpoints")
    #expect(Self.described.subtracting(routed) == [], "operations without a route")
  }

  @Test func operationsHaveNamesOfTheirOwn() {
    let operations = Self.endpoints.flatMap { $0.route.operations.map(\.operation) }.filter { !$0.id.isEmpty }
    #expect(Set(operations.map(\.id)).count == operations.count)
    for operation in operations {
      for status in operation.refusals(needsKeys: true) {
        #expect(APIError.statuses.contains { $0.key == status }, "\(operation.id): \(status) has no description")
      }
    }
  }

  @Test func everyPathHasItsParameters() {
    for endpoint in Self.endpoints {
      for (method, operation) in endpoint.route.operations where !operation.id.isEmpty {
        let named = Set(operation.parameters.filter { $0.place == .path }.map(\.name))
        let inPath = Set(endpoint.route.paths[0].matches(of: /\{(\w+)\}/).map { String($0.1) })
        #expect(named == inPath, "\(method) \(endpoint.route.paths[0])")
      }
    }
  }

  @Test func everyFieldThatDecodesIsDescribed() {
    for operation in Self.endpoints.flatMap({ $0.route.operations.map(\.operation) }) {
      for fields in [operation.fields, operation.otherFields].compactMap({ $0 }) {
        let properties = fields.schema["properties"]?.object ?? [:]
        for field in fields.fields where field.use != .ignored {
          #expect(properties[field.name] != nil, "\(operation.id): \(field.name)")
          guard field.use == .read else { continue }
          #expect(
            fields.shape(of: field.name) != nil,
            "\(operation.id) reads \(field.name), which has no row in RequestFields+Shapes or RequestFields+ChatShapes")
          #expect(properties[field.name]?["description"]?.string?.isEmpty == false, "\(operation.id): \(field.name)")
        }
        for name in fields.required { #expect(properties[name] != nil, "\(operation.id) requires \(name)") }
      }
    }
  }

  @Test func thePageReadsTheDocumentAndNothingElse() {
    let html = DocumentationPage.html
    #expect(html.contains(#"fetch("openapi.json")"#))
    #expect(!html.contains("http:") && !html.contains("https:") && !html.contains("innerHTML"))
  }
}
