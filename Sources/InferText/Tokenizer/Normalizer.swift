/// One step of bringing a text into the form that the vocabulary was learned on.
enum Normalizer: Sendable {
  case form(Form)
  case lowercase
  case prepend([UInt8])
  case replace(SplitPattern, with: [UInt8])
  case strip(left: Bool, right: Bool)
  /// Drops combining marks.
  case stripAccents
  /// Spells every byte as a character of the byte alphabet.
  case spell
  /// Replaces characters by a SentencePiece table, grapheme by grapheme as Hugging Face's library does.
  case precompiled(CharacterMap)
  case sentencePiece(SentencePieceNormalizer)

  func apply(
    to text: [UInt8], at start: TextStart, with matcher: borrowing RegularExpression.Matcher
  ) throws(TokenizerError) -> [UInt8] {
    switch self {
    case .form(let form): return form.apply(to: text)
    case .lowercase: return Array(String(decoding: text, as: UTF8.self).lowercased().utf8)
    case .prepend(let prefix): return text.isEmpty || start == .within ? text : prefix + text
    case .replace(let pattern, let content): return try pattern.replacingMatches(in: text, with: content, matcher)
    case .strip(let left, let right):
      var scalars = String(decoding: text, as: UTF8.self).unicodeScalars[...]
      if left { scalars = scalars.drop { $0.properties.isWhitespace } }
      while right, scalars.last?.properties.isWhitespace == true { scalars.removeLast() }
      return Array(String(scalars).utf8)
    case .stripAccents:
      var scalars = String(decoding: text, as: UTF8.self).unicodeScalars
      scalars.removeAll { $0.isCombiningMark }
      return Array(String(scalars).utf8)
    case .spell: return text.flatMap { ByteAlphabet.spelling[Int($0)] }
    case .precompiled(let map): return map.replacingGraphemes(of: text)
    case .sentencePiece(let normalizer): return normalizer.apply(to: text, at: start)
    }
  }
}

extension Normalizer {
  /// The steps of a normalizer in a tokenizer file; a sequence is flattened.
  static func steps(_ field: TokenizerField) throws(TokenizerError) -> [Normalizer] {
    switch try field.type() {
    case "Sequence":
      var steps: [Normalizer] = []
      for step in try field.require("normalizers").elements() { steps += try Self.steps(step) }
      return steps
    case "Lowercase": return [.lowercase]
    case "Prepend": return [.prepend(Array(try field.require("prepend").string().utf8))]
    case "Replace":
      let content = Array(try field.require("content").string().utf8)
      return [.replace(try SplitPattern(try field.require("pattern")), with: content)]
    case "Strip":
      let left = try field.flag("strip_left", default: true)
      return [.strip(left: left, right: try field.flag("strip_right", default: true))]
    case "StripAccents": return [.stripAccents]
    case "ByteLevel": return [.spell]
    case "Precompiled":
      let map = try field.require("precompiled_charsmap")
      guard let bytes = Base64.decode(Array(try map.string().utf8)) else { throw map.invalid("no base64") }
      return [.precompiled(try CharacterMap(bytes, at: map.path))]
    case let type:
      guard let form = Form(rawValue: type) else { throw field.unsupported("the normalizer \(type)") }
      return [.form(form)]
    }
  }
}

extension Unicode.Scalar {
  fileprivate var isCombiningMark: Bool {
    switch properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark: true
    default: false
    }
  }
}
