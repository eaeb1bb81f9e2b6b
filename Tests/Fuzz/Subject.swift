import ArgumentParser
import Foundation
import InferCore
import InferText

/// A reader of what comes from elsewhere: files, templates, requests, answers of models.
enum Subject: String, CaseIterable, ExpressibleByArgument {
  case weights, importances, tokenizers, templates, calls, requests, outputs

  /// Reads an input, which is also in the file at `path`, and works with what comes out of it. What is thrown is as it
  /// should be.
  func read(_ input: [UInt8], at path: String) {
    switch self {
    case .weights: try? Self.readWeights(path)
    case .importances: try? Self.readImportance(input, path)
    case .tokenizers: try? Self.readTokenizer(input, path)
    case .templates, .calls: try? Self.readTemplate(input)
    case .requests: try? Self.readRequest(input)
    case .outputs: Self.readOutput(input)
    }
  }

  private static func readWeights(_ path: String) throws {
    let file = try MappedFile(at: URL(filePath: path))
    if GGUF.isOne(file) {
      let gguf = try GGUF(file)
      for tensor in gguf.tensors { try use(tensor) }
      readPairs(gguf.tensors, "lora_a", "lora_b")
      let vocabulary = try? GGUFVocabulary(metadata: gguf.metadata, file: gguf.url)
      let files = ModelFiles.embedded(
        ModelFiles.embedded(in: gguf), vocabulary: vocabulary?.tokens, in: gguf.url)
      _ = try? files.json("config.json")
      _ = try? Tokenizer(files: files)
      _ = try? ChatTemplate.load(files: files)
    } else {
      let tensors = try Safetensors.tensors(in: file)
      for tensor in tensors { try use(tensor) }
      readPairs(tensors, "lora_A", "lora_B")
      try readQuantized(
        Checkpoint(TextDictionary(tensors.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })))
    }
  }

  /// Reads the pairs of an adapter, and adds them to a matrix as large as what they add.
  private static func readPairs(_ tensors: [Tensor], _ a: String, _ b: String) {
    for tensor in tensors where tensor.name.contains(a) {
      let name = tensor.name.replacing(a, with: b)
      guard let other = tensors.first(where: { $0.name == name }),
        let pair = try? LowRankPair(tensor, other, scale: 0.5), (pair.rows * pair.columns) <= 1 << 16
      else { continue }
      let matrix = Tensor.computed([], name: "w", shape: [pair.rows, pair.columns]) { _ in
        Array(repeating: 1, count: pair.rows * pair.columns)
      }
      _ = try? matrix.adding(pair).floats()
    }
  }

  /// Reads the tensors of matrices that other programs quantised.
  private static func readQuantized(_ checkpoint: Checkpoint) throws {
    let schemes: [CompressedLayout.Scheme] = [
      .integers(bits: 4, groupSize: 32, isSymmetric: true), .integers(bits: 3, groupSize: nil, isSymmetric: false),
      .integers(bits: 8, groupSize: 16, isSymmetric: true), .float8(blockRows: 3, blockColumns: 48), .float8Rows,
      .nvfp4,
      .mxfp4,
    ]
    let mlx = MLXLayout.Scheme.Mode.allCases.map { MLXLayout(.init(mode: $0, bits: 4, groupSize: 32)) }
    let layouts: [any QuantizedLayout] =
      [
        GPTQLayout(bits: 4, groupSize: 32, isSymmetric: true, hasLesserZeros: true),
        GPTQLayout(bits: 8, groupSize: nil, isSymmetric: false, hasLesserZeros: false),
        GPTQLayout(bits: 3, groupSize: 16, isSymmetric: false, hasLesserZeros: true), AWQLayout(groupSize: 32),
        Float8Layout(block: (3, 48)), Float8Layout(block: nil), BitsAndBytesLayout(), ModelOptLayout(),
        MLXLayout(.init(mode: .affine, bits: 5, groupSize: 16)),
      ] + schemes.map { scheme in CompressedLayout { _ in scheme } } + mlx
    for layout in layouts {
      guard let joined = try? checkpoint.joining(layout) else { continue }
      for tensor in joined.tensors.values { try? use(tensor) }
    }
  }

  /// Reads an importance matrix, adds it to itself, and quantises rows with what it says of their columns, to one of the
  /// formats.
  private static func readImportance(_ input: [UInt8], _ path: String) throws {
    var matrix = try ImportanceMatrix(at: URL(filePath: path))
    try matrix.add(matrix)
    let formats = WeightFormat.writable + WeightFormat.weighted
    let format = formats[input.reduce(0) { $0 &+ Int($1) } % formats.count]
    for importance in matrix.entries.values.map(\.importance) where importance.columns == 256 {
      let weights = Matrix(rows: 3, columns: 256, values: (0..<3 * 256).map { Float($0 * 37 % 101 - 50) / 64 })
      let floats = try weights.quantized(to: format, name: "w", importance: importance, team: ThreadTeam(count: 1))
        .floats()
      precondition(floats.allSatisfy { $0.isFinite }, "\(format.name) holds what is no number")
    }
  }

  private static func use(_ tensor: Tensor) throws {
    guard tensor.byteCount <= 1 << 20 else { return }
    _ = tensor.nonFiniteCount()
    if tensor.format != nil { _ = try tensor.floats() }
  }

  private static func readTokenizer(_ input: [UInt8], _ path: String) throws {
    let tokenizer: Tokenizer
    if input.first == UInt8(ascii: "{") {
      let json = try JSONValue(parsing: input, options: .configuration)
      tokenizer = try Tokenizer(json: json, configuration: json)
    } else {
      let folder = URL(filePath: path + ".folder")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(at: folder) }
      // A line of RWKV's vocabulary begins with an id, one of tiktoken's with a token.
      let isRWKV = input.starts(with: Array("1 ".utf8))
      let name = input.first == 0x0A ? "tokenizer.model" : isRWKV ? "rwkv_vocab_v20230424.txt" : "hy.tiktoken"
      try Data(input).write(to: folder.appending(path: name))
      tokenizer = try Tokenizer(folder: folder)
    }
    for text in texts {
      let ids = try tokenizer.encode(text, addingSpecialTokens: true)
      _ = tokenizer.decode(ids, skippingSpecialTokens: text.count % 2 == 0)
    }
  }

  private static let texts = [
    "", "The quick brown fox's 35 heads, don't they?\n\n\t  x", "雞兔同籠 é e\u{301} ﬁ 👩‍👧 \u{0}", "<s>hi</s> <mask> NORM",
    String(repeating: "ab", count: 3000), String(repeating: " ", count: 3000),
  ]

  private static func readTemplate(_ input: [UInt8]) throws {
    if let json = try? JSONValue(parsing: input) {
      let text = json.serialized()
      let again = try JSONValue(parsing: text)
      precondition(again.serialized() == text, "JSON changes when it is written and read")
    }
    let template = try ChatTemplate(source: String(decoding: input, as: UTF8.self))
    _ = try template.render(messages: messages, tools: tools, variables: ["bos_token": "<s>", "eos_token": "</s>"])
  }

  private static let messages: JSONValue = [
    ["role": "system", "content": "Be brief."], ["role": "user", "content": "2+2?"],
    [
      "role": "assistant", "content": "", "reasoning_content": "easy",
      "tool_calls": [["id": "1", "type": "function", "function": ["name": "add", "arguments": ["a": 2, "b": 2.5]]]],
    ],
    ["role": "tool", "tool_call_id": "1", "content": "4"],
    ["role": "user", "content": [["type": "text", "text": "é"]]],
  ]

  static let tools: JSONValue = [
    ["type": "function", "function": ["name": "add", "description": "Adds", "parameters": ["type": "object"]]]
  ]

  /// Words of the format.
  var words: [String] {
    switch self {
    case .weights:
      [
        "GGUF", "general.alignment", "infer_serve.config.json", "F32", "BF16", "I64", "\"dtype\"", "\"shape\":[",
        "\"data_offsets\":[0,8]", "__metadata__", "18446744073709551615", "-1", "{", "I32", "U8", "I8",
        "F8_E4M3", "lora_A", "lora_b", "qweight", "g_idx", ".weight_packed", ".scales", "}", "[", "]", "\0\0\0\0",
      ]
    case .importances:
      [
        "GGUF", "general.type", "imatrix", ".in_sum2", ".counts", "imatrix.datasets", "imatrix.chunk_count",
        "18446744073709551615", "\0\0\0\0", "\u{1}\0\0\0", "\0\u{1}\0\0",
      ]
    case .tokenizers:
      [
        "{\"type\":\"Sequence\",\"normalizers\":[", "\"type\":\"", "BPE", "Unigram", "ByteLevel", "Metaspace", "Split",
        "Precompiled", "NFKC", "Replace", "Strip", "Regex", "String", "\"(?:a+)+$\"", "\"\"", "null", "true", "-1",
        "4194303", "2147483648", "1e300", "[[\"a\",\"b\"]]", "\"vocab\":{", "\"merges\":[", "]}", "\\u0000", "\\ud800",
      ]
    case .calls: []
    case .requests:
      [
        "\"messages\":[", "{\"role\":\"user\",\"content\":\"x\"}", "\"tool_calls\":[", "\"arguments\":\"{}\"",
        "\"temperature\":", "\"top_k\":", "\"max_tokens\":", "\"n\":", "\"seed\":", "\"stop\":[",
        "\"logit_bias\":{\"1\":",
        "\"logprobs\":", "\"stream\":true", "\"prompt\":[", "\"min_tokens\":", "9223372036854775807",
        "-9223372036854775808", "18446744073709551616", "1e308", "-1e999", "2147483648", "-1", "0", "null", "true",
        "\"\"",
        "[]", "{}", "[[", "]]", ",", ":", "\\ud800", "\\u0000",
      ]
    case .outputs:
      [
        "<think>", "</think>", "<tool_call>", "</tool_call>", "{\"name\": \"add\", \"arguments\": {", "}}",
        "<function=add>",
        "<parameter=a>", "</parameter>", "</function>", "<|tool_call|>", "[TOOL_CALLS]", "[{", "}]", "<tool_calls>",
        "</tool_calls>", "<TOOLCALL>", "<|python_tag|>", "add.call(a=", "add(a=-9223372036854775808)", "(", ")", "'",
        "\"",
        "\\", "<|channel|>", "<|message|>", "<|start|>", "<|call|>", "<|end|>", " to=functions.add", "<arg_key>",
        "</arg_key>", "<arg_value>", "<tool_sep>", "<|tool_call_start|>", "[add(a=[1, {'b': None}])]", "<answer>",
        "</answer>", "<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "```json\n", "\n```",
        "<|tool_calls_section_begin|>", "<|tool_call_begin|>", "<|tool_call_argument_begin|>", "\u{301}", "\n", " ",
        "18446744073709551616", "-", "1e999", "[[[[", "{\"",
      ]
    case .templates:
      [
        "{% for i in range(99999999) %}", "{% endfor %}", "{% if ", "{% endif %}", "{{ ", " }}", "{% set x = ",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "messages", "loop.index", "namespace(", "|tojson", "|join",
        " * 1000000", "'x' ~ ", "[0]", "[::-1]", ".split('')", " % ", " ** ", "9223372036854775807", "-", "(", ")", "[",
        "]", "{#", "#}", "{%-", "-%}", "raise_exception('x')", "strftime_now('%Y')", ".replace('', 'xx')",
      ]
    }
  }
}
