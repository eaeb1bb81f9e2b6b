extension PreTokenizer {
  /// GPT-2's pattern: contractions, words, numbers and other runs, each with one space before it; remaining white
  /// space.
  static let wordPattern =
    #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
  private static let punctuation = ##"[\p{P}!-/:-@\[-`{-~]"##
  /// Word characters by Unicode's definition (UTS 18, annex C), the joiners among them.
  private static let word = #"\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200c}\x{200d}"#

  /// The steps of a pre-tokenizer in a tokenizer file; a sequence is flattened.
  static func steps(_ field: TokenizerField) throws(TokenizerError) -> [PreTokenizer] {
    switch try field.type() {
    case "Sequence":
      var steps: [PreTokenizer] = []
      for step in try field.require("pretokenizers").elements() { steps += try Self.steps(step) }
      return steps
    case "ByteLevel":
      var steps: [PreTokenizer] = []
      if try field.flag("add_prefix_space", default: true) { steps.append(.prefixSpace) }
      if try field.flag("use_regex", default: true) { steps.append(try split(wordPattern, .isolated)) }
      return steps + [.spell]
    case "Split":
      let pattern = try SplitPattern(try field.require("pattern"))
      return [.split(pattern, try behavior(field), inverted: try field.flag("invert", default: false))]
    case "Digits":
      return [try split(#"\p{N}"#, try field.flag("individual_digits", default: false) ? .isolated : .contiguous)]
    case "Punctuation": return [try split(punctuation, try behavior(field, default: .isolated))]
    case "Whitespace": return [try split("[\(word)]+|[^\(word)\\s]+", .removed, inverted: true)]
    case "WhitespaceSplit": return [try split(#"\s"#, .removed)]
    case "BertPreTokenizer": return [try split(#"\s"#, .removed), try split(punctuation, .isolated)]
    case "CharDelimiterSplit":
      return [.split(.literal(Array(try field.require("delimiter").string().utf8)), .removed)]
    case "FixedLength":
      let length = try field.require("length").count()
      guard (1...65535).contains(length) else { throw field.invalid("a length of \(length) is not in 1…65535") }
      return [try split("(?s).{1,\(length)}", .isolated)]
    case "Metaspace": return [try metaspace(field)]
    case let type: throw field.unsupported("the pre-tokenizer \(type)")
    }
  }

  /// A split by one of the patterns that are known to be valid.
  static func split(
    _ pattern: String, _ behavior: Behavior, inverted: Bool = false
  ) throws(TokenizerError) -> PreTokenizer {
    .split(.regex(try RegularExpression(pattern, at: "pre_tokenizer")), behavior, inverted: inverted)
  }

  private static func behavior(
    _ field: TokenizerField, default fallback: Behavior? = nil
  ) throws(TokenizerError) -> Behavior {
    if let fallback, field["behavior"] == nil { return fallback }
    let behavior = try field.require("behavior")
    guard let known = Behavior(rawValue: try behavior.string()) else {
      throw behavior.unsupported("the behavior \(try behavior.string())")
    }
    return known
  }

  private static func metaspace(_ field: TokenizerField) throws(TokenizerError) -> PreTokenizer {
    let mark = try field.require("replacement").string()
    guard mark.unicodeScalars.count == 1 else { throw field.invalid("the replacement \"\(mark)\" is no character") }
    return .metaspace(
      mark: Array(mark.utf8), prepends: try PrependScheme(field), splits: try field.flag("split", default: true))
  }
}

extension PreTokenizer.PrependScheme {
  /// Reads the scheme of a `Metaspace` step. Older files say `add_prefix_space` instead.
  init(_ field: TokenizerField) throws(TokenizerError) {
    guard let scheme = field["prepend_scheme"] else {
      self = try field.flag("add_prefix_space", default: true) ? .always : .never
      return
    }
    guard let known = Self(rawValue: try scheme.string()) else {
      throw scheme.unsupported("the scheme \(try scheme.string())")
    }
    guard try field.flag("add_prefix_space", default: true) || known == .never else {
      throw scheme.invalid("add_prefix_space is false, but the scheme is \(known.rawValue)")
    }
    self = known
  }
}
