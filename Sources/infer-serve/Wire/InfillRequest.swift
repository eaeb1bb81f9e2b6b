import HybridBlocks
import InferCore
import InferText

/// The body of llama-server's `POST /infill`: a file with a gap.
struct InfillRequest {
  /// Another file of the same project.
  struct File: Equatable {
    var name: String
    var text: String
  }

  /// What stands before and behind the gap, and the beginning of what fills it.
  var prefix: String
  var suffix: String
  var opening: String
  var files: [File]
  /// All that does not concern the prompt; without messages.
  var chat: ChatRequest
  var bounds: InfillBounds
  /// Whether the token that begins a text stands first, where the tokenizer puts one there.
  var addsSpecialTokens: Bool

  /// Decodes a body; `defaults` fill what it leaves out.
  init(_ body: FieldReader, defaults: GenerationDefaults) throws(APIError) {
    let reader = try RequestFields.infill.resolve(body)
    prefix = try reader.required(string: "input_prefix")
    suffix = try reader.required(string: "input_suffix")
    opening = try reader.string("prompt") ?? ""
    files = try Self.files(reader)
    addsSpecialTokens = try reader.bool("add_special_tokens") ?? true
    let fields = SamplingFields(reader: reader, defaults: try Self.defaults(reader, defaults))
    let isStreamed = try reader.bool("stream") ?? false
    chat = ChatRequest(
      messages: .array([]), tools: ChatTools(), sampling: try fields.sampling(logprobs: nil),
      stop: try fields.stop(maxTokens: fields.maxTokens("max_tokens")),
      streaming: isStreamed ? StreamingOptions() : nil, scheduling: try SchedulingFields(reader), templateVariables: [:]
    )
    chat.constraint = try ConstraintField(reader)
    chat.overflow = try Overflow(reader) ?? .shift
    chat.session = try SessionFields.session(reader, in: chat.scheduling.cacheScope)
    chat.skipsSpecialTokens = try reader.bool("skip_special_tokens") ?? true
    chat.promptField = "input_prefix"
    let milliseconds = try reader.integer("t_max_predict_ms") ?? 0
    bounds = InfillBounds(
      indentation: try reader.integer("n_indent") ?? 0,
      time: milliseconds > 0 ? .milliseconds(milliseconds) : nil)
  }

  private static func files(_ reader: FieldReader) throws(APIError) -> [File] {
    var files: [File] = []
    for (index, file) in (try reader.array("input_extra") ?? []).enumerated() {
      let file = try FieldReader(file, path: "input_extra[\(index)]")
      files.append(File(name: try file.string("filename") ?? "tmp", text: try file.required(string: "text")))
    }
    return files
  }

  /// The ways to choose tokens that may be listed, in the order in which they act, and the fields of each.
  private static let samplers: [(name: String, fields: [String])] = [
    ("penalties", ["repetition_penalty", "presence_penalty", "frequency_penalty"]), ("temperature", ["temperature"]),
    ("min_p", ["min_p"]), ("top_k", ["top_k"]), ("top_p", ["top_p"]),
  ]

  /// The defaults, without those of ways that are left out of a list of `samplers`. Editors list `infill` at the end, which
  /// adds up tokens that begin alike; here they are chosen from one by one.
  private static func defaults(
    _ reader: FieldReader, _ defaults: GenerationDefaults
  ) throws(APIError) -> GenerationDefaults {
    guard var listed = try reader.array("samplers"), !listed.isEmpty else { return defaults }
    if listed.last == "infill" { listed.removeLast() }
    let names = listed.compactMap(\.string)
    let places = names.compactMap { name in samplers.firstIndex { $0.name.isExactly(name) } }
    guard places.count == listed.count, zip(places, places.dropFirst()).allSatisfy(<) else {
      throw .unsupported(
        reader.name("samplers"),
        "\(reader.name("samplers")) may list \(samplers.map(\.name).joined(separator: ", ")) and infill, in this order."
      )
    }
    for (name, fields) in samplers where !names.containsExactly(name) {
      guard let field = fields.first(where: { reader[$0] != nil }) else { continue }
      throw reader.wrongValue("samplers", "leaves out \(name), but the request has \(reader.name(field))")
    }
    var defaults = defaults
    if !names.containsExactly("penalties") { defaults.repetitionPenalty = nil }
    if !names.containsExactly("temperature") { defaults.temperature = nil }
    if !names.containsExactly("top_k") { defaults.topK = nil }
    if !names.containsExactly("top_p") { defaults.topP = nil }
    if !names.containsExactly("min_p") { defaults.minP = nil }
    return defaults
  }
}

/// The bounds of what fills a gap, beside those of its length.
struct InfillBounds: Equatable {
  /// The white space that every line but the first has at its beginning; empty lines have none.
  var indentation = 0
  /// The time from the first token on, after which a first line is enough.
  var time: Duration?
}
