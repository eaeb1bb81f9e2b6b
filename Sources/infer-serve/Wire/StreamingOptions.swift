/// How a response is streamed.
struct StreamingOptions: Equatable {
  /// Whether a last event with empty choices tells the usage.
  var includesUsage = false
}

extension StreamingOptions {
  /// `stream`, `stream_options` and OpenRouter's `usage`; nil when the response is not to be streamed.
  init?(_ reader: FieldReader) throws(APIError) {
    let options = try reader.object("stream_options")
    let usage = try reader.object("usage")
    guard try reader.bool("stream") ?? false else {
      if options != nil { throw reader.wrongValue("stream_options", "needs stream to be true") }
      return nil
    }
    if try options?.bool("continuous_usage_stats") ?? false {
      throw .unsupported(
        "stream_options.continuous_usage_stats",
        "Usage in every event is not supported (field 'stream_options.continuous_usage_stats').")
    }
    let isIncluded = try usage?.bool("include") ?? false
    includesUsage = try options?.bool("include_usage") ?? isIncluded
  }
}
