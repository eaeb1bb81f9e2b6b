/// How a response is streamed.
struct StreamingOptions: Equatable {
  /// Whether a last event with empty choices tells the usage.
  var includesUsage = false

  /// `stream` and `stream_options`; nil when the response is not to be streamed.
  init?(_ reader: FieldReader) throws(APIError) {
    let options = try reader.object("stream_options")
    guard try reader.bool("stream") ?? false else {
      if options != nil { throw reader.wrongValue("stream_options", "needs stream to be true") }
      return nil
    }
    includesUsage = try options?.bool("include_usage") ?? false
  }
}
