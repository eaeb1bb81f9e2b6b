import InferCore

/// Fields of other servers that change what is generated and that this server does not have.
///
/// Ignoring one would answer another question than the one that was asked, so a request that uses one is refused.
/// Fields that change nothing here (`user`, `metadata`, `store`, `service_tier`, …) are accepted and ignored, as are
/// fields nobody knows.
enum UnsupportedFields {
  /// Field names with the values that ask for nothing.
  private static let fields: [(name: String, idle: [JSONValue], what: String)] = [
    ("functions", [.array([])], "The older form of tools is"),
    ("function_call", ["none", "auto"], "The older form of tool_choice is"),
    ("audio", [], "Audio output is"),
    ("web_search_options", [], "Web search is"),
    ("grammar", [""], "Constrained output is"),
    ("json_schema", [], "Constrained output is"),
    ("structured_outputs", [], "Constrained output is"),
    ("guided_json", [], "Constrained output is"),
    ("guided_regex", [], "Constrained output is"),
    ("guided_choice", [], "Constrained output is"),
    ("guided_grammar", [], "Constrained output is"),
    ("use_beam_search", [false], "Beam search is"),
    ("suffix", [""], "Insertion before a suffix is"),
    ("continue_final_message", [false], "Continuation of the last message is"),
    ("bad_words", [.array([])], "bad_words is"),
    ("allowed_token_ids", [], "allowed_token_ids is"),
    ("typical_p", [1], "Locally typical sampling is"),
    ("top_n_sigma", [-1, 0], "Top-n-sigma sampling is"),
    ("mirostat", [0], "Mirostat sampling is"),
    ("xtc_probability", [0], "XTC sampling is"),
    ("dry_multiplier", [0], "DRY sampling is"),
    ("dynatemp_range", [0], "Dynamic temperature is"),
  ]

  /// Refuses a request that uses one of them.
  static func check(_ reader: FieldReader) throws(APIError) {
    for field in fields {
      guard let value = reader[field.name] else { continue }
      let number = value.double
      let idle = field.idle.contains { $0 == value || ($0.double != nil && $0.double == number) }
      if !idle { throw .unsupported(field.name, "\(field.what) not supported (field '\(field.name)').") }
    }
    if let modalities = try reader.array("modalities"), modalities != ["text"] {
      throw .unsupported("modalities", "Of modalities, only 'text' is supported.")
    }
    if let format = try reader.object("response_format"), try format.required(string: "type") != "text" {
      throw .unsupported("response_format", "Only the response_format 'text' is supported.")
    }
  }
}
