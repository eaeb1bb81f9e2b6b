import Hummingbird
import NIOCore
import Tracing

// Bodies of requests: how they come, and what they say.
extension GenerationService {
  /// A body as it came, which is held until it is decoded.
  struct Body: Sendable {
    let bytes: [UInt8]
    let coding: ContentCoding
    let share: BodyBudget.Share
    /// Bytes that it may become.
    let limit: Int
    let grant: Grant

    /// Bytes that decoding it may have to deal with.
    var effort: Int { coding == .identity ? bytes.count : limit }

    /// The body itself.
    func decoded() throws(APIError) -> [UInt8] {
      guard coding != .identity else { return bytes }
      let decoded = try coding.decode(bytes, limit: limit)
      try share.grow(by: decoded.count)
      return decoded
    }

    /// The body's members. The record keeps the body where it is to be logged.
    func reader(_ record: RequestRecord) throws(APIError) -> FieldReader {
      let bytes = try decoded()
      guard record.isLogged else { return try FieldReader(body: bytes) }
      record.body = RequestLogEntry.Body(bytes: bytes, isJSON: false, share: share)
      let reader = try FieldReader(body: bytes)
      record.body = RequestLogEntry.Body(bytes: bytes, isJSON: true, share: share)
      return reader
    }
  }

  /// A request's body.
  func body(of request: Request, _ context: ServeContext, until deadline: Deadline) async throws -> Body {
    try MediaType.check(request.headers)
    let coding = try ContentCoding(request.headers)
    // Before the body is read, so that a server without a model answers at once.
    try state.check()
    let (bytes, share) = try await bytes(of: request, context, until: deadline)
    return Body(bytes: bytes, coding: coding, share: share, limit: limits.bodyBytes, grant: context.grant)
  }

  /// The members of a body within their bounds, and the model that it names.
  func fields(
    of body: Body, _ context: ServeContext, naming names: [String] = ["model"]
  ) async throws(APIError) -> (reader: FieldReader, served: ServedModel) {
    let record = context.record
    let reader = try await workers.run(bytes: body.effort) { () throws(APIError) in
      let reader = try body.reader(record)
      try RequestBounds.check(reader)
      return reader
    }
    var name: String?
    for member in names where name == nil { name = try reader.string(member) }
    guard let router = state.models.router(named: name) else {
      let served = try await model(named: name, for: body.grant, context.record.trace)
      context.record.answers(served.name, metrics, ledger)
      context.record.trace?.note(requested: name, served: served.name)
      return (reader, served)
    }
    var routed = reader
    let route = router.route(reader)
    router.setMode(route, of: &routed)
    context.record.route = route.rawValue
    let served = try await model(
      named: router[route], allowedAs: router.name, for: body.grant, context.record.trace)
    context.record.answers(served.name, metrics, ledger)
    context.record.trace?.note(requested: name ?? router.name, served: served.name)
    return (routed, served)
  }

  /// The model for a request. Waiting for one that is not loaded is a span of the request's trace.
  private func model(
    named name: String?, allowedAs other: String? = nil, for grant: Grant, _ trace: RequestTrace?
  ) async throws(APIError) -> ServedModel {
    guard let trace, let model = try? state.models.model(named: name), !model.isLoaded else {
      return try await state.model(named: name, allowedAs: other, for: grant)
    }
    let start = ContinuousClock.now
    defer { trace.add("load_model", from: start, to: .now, ["gen_ai.response.model": .string(model.name)]) }
    return try await state.model(named: name, allowedAs: other, for: grant)
  }

  private func bytes(
    of request: Request, _ context: ServeContext, until deadline: Deadline
  ) async throws -> (bytes: [UInt8], share: BodyBudget.Share) {
    if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > limits.bodyBytes {
      throw APIError.bodyTooLarge(limit: limits.bodyBytes)
    }
    if let expectation = request.headers[.expect], expectation.lowercased() == "100-continue" {
      context.channel.triggerUserOutboundEvent(ConnectionHandler.Proceed(), promise: nil)
    }
    // A client that sends its body a byte at a time is cut off.
    let alarm = Alarm(at: deadline.instant) {
      context.channel.triggerUserOutboundEvent(
        ConnectionHandler.Refusal(error: .requestIncomplete(after: deadline.limit)), promise: nil)
    }
    defer { alarm.cancel() }
    do {
      let share = bodies.open()
      var bytes: [UInt8] = []
      for try await part in request.body {
        try share.grow(by: part.readableBytes)
        guard bytes.count + part.readableBytes <= limits.bodyBytes else {
          throw APIError.bodyTooLarge(limit: limits.bodyBytes)
        }
        bytes.append(contentsOf: part.readableBytesView)
      }
      return (bytes, share)
    } catch let error as APIError {
      throw error
    } catch {
      if ContinuousClock.now >= deadline.instant { throw APIError.requestIncomplete(after: deadline.limit) }
      // The client went, or what it sent is no HTTP.
      guard context.channel.isActive else { throw APIError.clientGone }
      throw APIError.invalid(nil, "The request body could not be read: \(error)", code: "invalid_body")
    }
  }
}
