import InferCore
import InferText

extension RelevanceScorer {
  /// The scorer that a model's files describe; `nil` where they describe none.
  ///
  /// They may have the weights of a classifier: `score.weight`, as transformers' models for classification have it, or
  /// llama.cpp's `cls.output.weight`. Or they name the tokens of a judgement: sentence-transformers' `LogitScore`, or
  /// `classifier_from_token`, as vLLM has it.
  ///
  /// - Throws: `ModelError` that names the file and the key when they describe none that is known.
  init?(_ source: ModelSource, _ read: ReadModel, _ text: ModelText) throws(ModelError) {
    if let classifier = read.classifier {
      direction = classifier
    } else {
      var tokens = try Self.judgement(source, read)
      if tokens == nil {
        tokens = try Self.judgement(read.configuration, text.tokenizer, read.model.vocabularySize)
      }
      guard let tokens else { return nil }
      guard read.model.hasHead else {
        throw .tensor(name: "lm_head.weight", reason: "is missing, and the model's judgement is tokens")
      }
      guard read.model.share.isWhole else {
        throw .unsuitable("a model that judges documents by tokens cannot be computed by several ranks")
      }
      direction = read.model.direction(towards: tokens.yes, from: tokens.no)
    }
    prompt = try Prompt(text.chatTemplate) { .malformed(at: source.files.url, reason: $0) }
  }

  /// The tokens of sentence-transformers' `LogitScore`.
  private static func judgement(
    _ source: ModelSource, _ read: ReadModel
  ) throws(ModelError) -> (yes: Int32, no: Int32?)? {
    let files = source.files
    let modules = try files.document(EmbeddingDefaults.modulesFile)?.array ?? []
    guard let module = modules.first(where: { $0["type"]?.string?.hasExactSuffix(".LogitScore") ?? false }) else {
      return nil
    }
    let name = "\(module["path"]?.string ?? "")/config.json"
    // Names of files are the maker's to choose, places outside the model's folder are not.
    guard name.isExactly(file), let config = try files.document(file) else {
      throw .malformed(at: files.url(of: EmbeddingDefaults.modulesFile), reason: "has a LogitScore not in \(file)")
    }
    func token(_ key: String) throws(ModelError) -> Int32? {
      guard let value = config[key], !value.isNull else { return nil }
      guard let token = value.int, (0..<read.model.vocabularySize).contains(token) else {
        throw .configuration(
          at: files.url(of: file), key: key, reason: "is \(value.serialized()), expected the number of a token")
      }
      return Int32(token)
    }
    guard let yes = try token("true_token_id") else {
      throw .configuration(at: files.url(of: file), key: "true_token_id", reason: "is missing, expected a token")
    }
    return (yes, try token("false_token_id"))
  }

  /// The name of a checkpoint's classifier, `[1 × width]`.
  static let headName = "score.weight"
  /// The key of a GGUF file for the labels of its classifier, behind its architecture.
  static let labelsKey = "classifier.output_labels"
  /// Keys of `config.json` that describe a classifier.
  static let keys = ["classifier_from_token", "is_original_qwen3_reranker", "method", "num_labels", "problem_type"]

  /// The name of LogitScore's file.
  static let file = "1_LogitScore/config.json"

  /// The tokens of `classifier_from_token`: two of which the second is a yes, or a yes alone.
  private static func judgement(
    _ configuration: Configuration, _ tokenizer: Tokenizer?, _ size: Int
  ) throws(ModelError) -> (yes: Int32, no: Int32?)? {
    let key = "classifier_from_token"
    guard let value = configuration[key], !value.isNull else { return nil }
    func wrong(_ key: String, _ reason: String) -> ModelError {
      .configuration(at: configuration.file, key: key, reason: reason)
    }
    let names = (value.array ?? []).compactMap(\.string)
    guard names.count == value.array?.count, (1...2).contains(names.count) else {
      throw wrong(key, "is \(value.serialized()), expected one or two tokens")
    }
    let method = configuration["method"]?.string
    let isPair = configuration["is_original_qwen3_reranker"] == true || method == "from_2_way_softmax"
    guard isPair ? names.count == 2 : method == "no_post_processing" && names.count == 1 else {
      throw wrong(
        "method", "is \(method ?? "missing"), expected from_2_way_softmax for two tokens or no_post_processing for one")
    }
    var tokens: [Int32] = []
    for name in names {
      guard let token = tokenizer?.id(for: name), token < Int32(size) else {
        throw wrong(key, "names '\(name)', which is no token")
      }
      tokens.append(token)
    }
    return (tokens[tokens.count - 1], isPair ? tokens[0] : nil)
  }
}

extension RelevanceScorer.Prompt {
  /// The prompt of a model's files: the text that is named `rerank`, as llama.cpp's files have it, its chat template, if that
  /// takes messages of the roles `query` and `document`, or Qwen3-Reranker's words.
  ///
  /// - Parameter malformed: The error of a reason.
  /// - Throws: That error for a text without the places of query and document.
  init(_ template: ChatTemplate?, orThrow malformed: (String) -> ModelError) throws(ModelError) {
    let usual = RelevanceScorer.usualInstruction
    if let text = template?.sources["rerank"] {
      for place in ["{query}", "{document}"] where text.utf8.firstRange(of: place.utf8) == nil {
        throw malformed("the chat template rerank has no place \(place)")
      }
      self = .text(text.replacing(usual, with: "{instruction}"))
    } else if let template, ["query", "document"].allSatisfy({ Self.isRole($0, in: template.source) }) {
      self = .messages(template)
    } else {
      self = .text(Self.judge)
    }
  }

  /// `true` when a template's source has a role's name in quotes.
  private static func isRole(_ name: String, in source: String) -> Bool {
    source.containsExactly("'\(name)'") || source.containsExactly("\"\(name)\"")
  }

  /// The words that Qwen3-Reranker was trained with.
  private static let judge = """
    <|im_start|>system
    Judge whether the Document meets the requirements based on the Query and the Instruct provided. Note that the answer \
    can only be "yes" or "no".<|im_end|>
    <|im_start|>user
    <Instruct>: {instruction}
    <Query>: {query}
    <Document>: {document}<|im_end|>
    <|im_start|>assistant
    <think>

    </think>


    """
}

extension HybridModel {
  /// The direction of the hidden states in which a token becomes more likely, at the cost of another if there is one.
  func direction(towards token: Int32, from other: Int32?) -> [Float] {
    let row = headRow(token)
    guard let other else { return row }
    return zip(row, headRow(other)).map { $0 - $1 }
  }

  private func headRow(_ token: Int32) -> [Float] {
    let width = head[0].columns
    return unsafe [Float](unsafeUninitializedCapacity: width) { buffer, count in
      guard let base = buffer.baseAddress else { return }
      unsafe head[0].unpackRow(Int(token), into: base)
      count = width
    }.map { $0 * logitScale }
  }
}

extension WeightScope {
  /// The direction of a checkpoint's classifier in hidden states of `width` values; `nil` where it has none.
  ///
  /// - Parameter file: The GGUF file that has the labels' names; `nil` for a folder.
  func classifier(width: Int, _ file: GGUFDescription?) throws(ModelError) -> [Float]? {
    if has(RelevanceScorer.headName) { return try floats(RelevanceScorer.headName, shape: [1, width]) }
    guard has("cls.output.weight") else { return nil }
    let labels = (file?.value(RelevanceScorer.labelsKey)?.array ?? []).compactMap(\.string)
    let count = max(1, labels.count)
    guard count <= 2 else {
      throw .tensor(
        name: "cls.output.weight", reason: "has \(count) labels, expected one, or two of which one is a yes")
    }
    let rows = try self["cls"]["output"].floats("weight", shape: [count, width])
    guard count == 2 else { return rows }
    let yes = labels.firstIndex { $0.isExactly("yes") } ?? 0
    return (0..<width).map { rows[yes * width + $0] - rows[(1 - yes) * width + $0] }
  }
}
