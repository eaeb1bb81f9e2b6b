/// How byte-level tokenizers cut texts into words, by the names that GGUF files give (`tokenizer.ggml.pre`). Each is what
/// the `tokenizer.json` of the models of that name says.
struct NamedSplitting {
  /// Applied one after another; matches and what lies between them are pieces.
  var patterns: [String]
  /// Words that are tokens are taken whole.
  var ignoresMerges = false
  /// Texts are brought into Unicode's composed form (NFC) first.
  var composes = false
  /// Bytes are spelled in GPT-2's alphabet; without this, tokens are texts as they are.
  var spellsBytes = true
  /// Spaces are written as SentencePiece's mark.
  var marksSpaces = false

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
    case "llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "glm4", "glm5",
      "jina-v5-nano":
      patterns = [Self.words(digits: "{1,3}")]
      ignoresMerges = true
    case "dbrx", "smaug-bpe", "chatglm-bpe": patterns = [Self.words(digits: "{1,3}")]
    case "qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "megrez":
      patterns = [Self.words(digits: "")]
      composes = true
    case "hunyuan", "stablelm2", "solar-open", "grok-2": patterns = [Self.words(digits: "")]
    case "minicpm5":
      patterns = [#"\p{N}{1,3}"#, Self.words(digits: "+")]
      ignoresMerges = true
    case "ufakzeka": patterns = [Self.words(digits: "", contractions: "")]
    case "laguna": patterns = [Self.lines, Self.words(digits: "")]
    case "jais-2": patterns = [Self.words(digits: "{1,3}", spaces: Self.cascade)]
    case "exaone-moe":
      patterns = [
        Self.contractions
          + #"|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?"#
          + #"|\s*[\r\n]|\s+(?!\S)|\s+"#
      ]
    case "qwen35":
      patterns = [Self.words(digits: "", letters: #"\p{L}\p{M}"#)]
      composes = true
    case "deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4":
      patterns = Self.deepSeek3(tail: #"[\r\n]*"#, breaks: #"\s*[\r\n]+"#)
    case "spark2_5": patterns = Self.deepSeek3(tail: "", breaks: #"[\r\n]"#) + [#"\p{N}"#]
    case "afmoe": patterns = Self.arcee
    case "deepseek-llm": patterns = Self.deepSeek
    case "deepseek-coder": patterns = Self.deepSeekCoder
    case "tekken":
      patterns = [Self.cased(contractions: "", digits: "", tail: "/")]
      ignoresMerges = true
    case "gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2":
      patterns = [Self.cased(contractions: Self.contractions + "?", digits: "{1,3}", tail: "/")]
    case "granite-embed-multi-97m":
      patterns = [Self.cased(contractions: Self.contractions + "?", digits: "{1,3}", tail: "/")]
      ignoresMerges = true
    case "tiny_aya", "cohere2moe":
      patterns = [
        #"\d{1,3}(?=(?:\d{3})*\b)"#, Self.cased(contractions: Self.contractions + "?", digits: "{1,3}", tail: "/"),
      ]
    case "youtu":
      patterns = [Self.eastAsian, Self.cased(contractions: Self.contractions + "?", digits: "", tail: "/")]
      ignoresMerges = true
    case "superbpe": patterns = [#"\p{N}+"#, #"(?=(?:\d{3})+(?!\d))"#]
    case "poro-chat", "bloom", "gpt3-finnish": patterns = [Self.unpunctuated]
    case "viking": patterns = [Self.unpunctuated, #"\p{N}"#]
    case "chameleon":
      patterns = [
        "<sentinel:[0-9]+>", "IMGIMG[A-I]{1,4}Z", #"[\t\n]|    |  "#, #"\p{N}"#, #"[\p{P}!-/:-@\[-`{-~]"#,
        PreTokenizer.wordPattern,
      ]
    case "gemma4", "granite-embed-multi-311m", "sarvam-moe":
      patterns = [Self.lines]
      (spellsBytes, marksSpaces) = (false, true)
    case "whitespace":
      patterns = [#"\S+"#]
      spellsBytes = false
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
    [
      "llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "tekken",
      "jina-v5-nano",
      "chameleon", "gemma4", "granite-embed-multi-311m",
    ].contains(name)
  }
}

extension NamedSplitting {
  private static let contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"

  /// Contractions; words with one character before them; up to so many digits; punctuation with line breaks behind it;
  /// line breaks; other white space.
  static func words(
    digits: String, letters: String = #"\p{L}"#, contractions: String = NamedSplitting.contractions,
    spaces: String = #"\s+(?!\S)|\s+"#
  ) -> String {
    (contractions.isEmpty ? "" : contractions + "|")
      + #"[^\r\n\p{L}\p{N}]?[\#(letters)]+|\p{N}\#(digits)| ?[^\s\#(letters)\p{N}]+[\r\n]*|\s*[\r\n]+|\#(spaces)"#
  }

  /// White space in pieces of powers of two.
  private static let cascade =
    [512, 256, 128, 64, 32, 16, 8, 4].map { #"\s{\#($0)}(?!\S)|"# }.joined() + #"\s{1,2}(?!\S)|\s"#

  /// Lines, and the breaks between them.
  private static let lines = #"[^\n]+|\n+"#

  /// Text between marks of punctuation, with a space before it.
  private static let unpunctuated = " ?[^(\\s|.,!?…。，、।۔،)]+"

  /// Runs of Korean, of punctuation, of Bopomofo, and of Chinese and Japanese.
  private static let eastAsian =
    #"[\x{ac00}-\x{d7a3}\x{3131}-\x{318e}]+|[\x{ff01}\x{2026}\x{201c}\x{201d}\x{2018}\x{2019}\x{2014}\x{ff1a}\x{ff1b}"#
    + #"\x{ff0c}\x{3001}-\x{303f}\x{fe30}-\x{fe4f}]+|[\x{3105}-\x{312f}]+|[\x{4e00}-\x{9fa5}\x{3040}-\x{309f}"#
    + #"\x{30a0}-\x{30ff}]+"#

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

  /// Numbers; Chinese and Japanese; words. `tail` follows punctuation, and `breaks` are breaks of lines.
  private static func deepSeek3(tail: String, breaks: String) -> [String] {
    [#"\p{N}{1,3}"#, #"[\x{4e00}-\x{9fa5}\x{3040}-\x{309f}\x{30a0}-\x{30ff}]+"#, marked(tail: tail, breaks: breaks)]
  }

  /// A mark with letters behind it, words, and punctuation.
  private static func marked(tail: String, breaks: String) -> String {
    ##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"##
      + #"| ?[\p{P}\p{S}]+\#(tail)|\#(breaks)|\s+(?!\S)|\s+"#
  }

  /// Numbers in threes from their ends; Asian scripts that have no spaces; words.
  private static let arcee = [
    #"\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))"#,
    #"[\x{4e00}-\x{9fff}\x{3400}-\x{4dbf}\x{f900}-\x{faff}\x{3040}-\x{309f}\x{30a0}-\x{30ff}\x{ff65}-\x{ff9f}"#
      + #"\x{2f00}-\x{2fdf}\x{e40}-\x{e7f}\x{e80}-\x{eff}\x{1780}-\x{17ff}\x{1000}-\x{109f}\x{aa60}-\x{aa7f}"#
      + #"\x{a9e0}-\x{a9ff}\x{ac00}-\x{d7af}\x{1100}-\x{11ff}]+"#,
    marked(tail: #"[\r\n]*"#, breaks: #"\s*[\r\n]+"#),
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
