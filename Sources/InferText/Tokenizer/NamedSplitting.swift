/// How byte-level tokenizers cut texts into words, by the names that GGUF files give (`tokenizer.ggml.pre`). Each is what
/// the `tokenizer.json` of the models of that name says.
struct NamedSplitting {
  /// Applied one after another; matches and what lies between them are pieces.
  var patterns: [String]
  /// Words that are tokens are taken whole.
  var ignoresMerges = false
  /// Texts are brought into Unicode's composed form (NFC) first.
  var composes = false

  /// - Throws: ``TokenizerError`` when there is no such name.
  init(_ name: String) throws(TokenizerError) {
    switch name {
    case "gpt-2", "phi-2", "mpt", "olmo", "jais", "trillion", "granite-docling", "exaone4", "roberta-bpe", "jina-es",
      "jina-de", "jina-v1-en", "jina-v2-es", "jina-v2-de", "jina-v2-code", "gigachat", "a.x-4.0", "mellum",
      "modern-bert":
      patterns = [PreTokenizer.wordPattern]
    case "starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b", "mellum2":
      patterns = [#"\p{N}"#, PreTokenizer.wordPattern]
    case "", "default": patterns = [#"[\p{P}$+<=>^~|]+"#, PreTokenizer.wordPattern, #"\p{N}+"#, "[0-9]{3}"]
    case "falcon": patterns = [#"[\p{P}$+<=>^~|`]+"#, PreTokenizer.wordPattern, "[0-9]{3}"]
    case "llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "glm4", "glm5":
      patterns = [Self.words(digits: "{1,3}")]
      ignoresMerges = true
    case "dbrx", "smaug-bpe", "chatglm-bpe": patterns = [Self.words(digits: "{1,3}")]
    case "qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "megrez":
      patterns = [Self.words(digits: "")]
      composes = true
    case "hunyuan", "stablelm2", "solar-open", "grok-2": patterns = [Self.words(digits: "")]
    case "qwen35":
      patterns = [Self.words(digits: "", letters: #"\p{L}\p{M}"#)]
      composes = true
    case "deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4": patterns = Self.deepSeek3
    case "deepseek-llm": patterns = Self.deepSeek
    case "deepseek-coder": patterns = Self.deepSeekCoder
    case "tekken":
      patterns = [Self.cased(contractions: "", digits: "", tail: "/")]
      ignoresMerges = true
    case "gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2":
      patterns = [Self.cased(contractions: Self.contractions + "?", digits: "{1,3}", tail: "/")]
    case "kimi-k2": patterns = [Self.kimi]
    case "seed-coder":
      patterns = [
        Self.contractions
          + #"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+"#
      ]
    case "bailingmoe", "bailingmoe2", "llada-moe":
      patterns = [
        #"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"#
      ]
    default: throw .unsupported(path: "pre", what: "splitting texts as \"\(name)\" does")
    }
  }

  /// A name of each way to cut texts.
  static let names = [
    "gpt-2", "llama-bpe", "qwen2", "stablelm2", "smollm", "deepseek-v3", "qwen35", "gpt-4o", "kimi-k2", "tekken",
    "dbrx",
    "deepseek-llm", "deepseek-coder", "default", "falcon", "seed-coder", "bailingmoe",
  ]

  /// Whether tokenizers of that name begin a text with a token unless told otherwise.
  static func addsBOS(_ name: String) -> Bool {
    ["llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "tekken"].contains(name)
  }
}

extension NamedSplitting {
  private static let contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"

  /// Contractions; words with one character before them; up to so many digits; punctuation with line breaks behind it;
  /// line breaks; other white space.
  static func words(digits: String, letters: String = #"\p{L}"#) -> String {
    contractions
      + #"|[^\r\n\p{L}\p{N}]?[\#(letters)]+|\p{N}\#(digits)| ?[^\s\#(letters)\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  }

  /// Words that end where lower case turns into upper case.
  private static func cased(contractions: String, digits: String, tail: String) -> String {
    let upper = #"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}"#
    let lower = #"\p{Ll}\p{Lm}\p{Lo}\p{M}"#
    return #"[^\r\n\p{L}\p{N}]?[\#(upper)]*[\#(lower)]+\#(contractions)"#
      + #"|[^\r\n\p{L}\p{N}]?[\#(upper)]+[\#(lower)]*\#(contractions)"#
      + #"|\p{N}\#(digits)| ?[^\s\p{L}\p{N}]+[\r\n\#(tail)]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  }

  /// Runs of Chinese characters, which belong to no other word; else as `cased`. The classes are spelled by what is not
  /// in them, because PCRE2 has no differences of classes.
  static let kimi: String = {
    let upper = #"[^\p{Ll}\p{N}\p{P}\p{S}\p{Z}\p{C}\p{Han}]"#
    let lower = #"[^\p{Lu}\p{Lt}\p{N}\p{P}\p{S}\p{Z}\p{C}\p{Han}]"#
    return #"\p{Han}+|[^\r\n\p{L}\p{N}]?\#(upper)*\#(lower)+\#(contractions)?"#
      + #"|[^\r\n\p{L}\p{N}]?\#(upper)+\#(lower)*\#(contractions)?"#
      + #"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  }()

  private static let deepSeek3 = [
    #"\p{N}{1,3}"#,
    #"[\x{4e00}-\x{9fa5}\x{3040}-\x{309f}\x{30a0}-\x{30ff}]+"#,
    ##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"##
      + #"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#,
  ]

  private static let deepSeek = [
    // Letters that have cases, but for Georgian's small ones, which had none when the pattern was written.
    #"[\r\n]"#, #"\s?(?:(?![\x{10d0}-\x{10fa}\x{10fd}-\x{10ff}])[\p{Lu}\p{Ll}\p{Lt}])+"#,
    #"\s?[!-/:-~\x{ff01}-\x{ff0f}\x{ff1a}-\x{ff5e}\x{2018}-\x{201f}\x{3000}-\x{3002}]+"#, #"\s+$"#,
    #"[\x{4e00}-\x{9fa5}\x{800}-\x{4e00}\x{ac00}-\x{d7ff}]+"#, #"\p{N}+"#,
  ]

  private static let deepSeekCoder = [
    #"[\r\n]"#, #"\s?\p{L}+"#, #"\s?\p{P}+"#, #"[\x{4e00}-\x{9fa5}\x{800}-\x{4e00}\x{ac00}-\x{d7ff}]+"#, #"\p{N}"#,
  ]
}
