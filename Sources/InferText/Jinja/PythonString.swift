/// The methods of Python's `str`, by code points where Swift's own would go by grapheme clusters or canonical
/// equivalence.
extension String {
  init(scalars: some Sequence<Unicode.Scalar>) {
    var view = UnicodeScalarView()
    view.append(contentsOf: scalars)
    self = String(view)
  }

  /// Without the white space, or the characters given, at its ends.
  func stripped(of characters: String? = nil, left: Bool = true, right: Bool = true) -> String {
    String(self[strippedRange(of: characters, left: left, right: right)])
  }

  /// The range without the white space, or the characters given, at its ends.
  func strippedRange(of characters: String? = nil, left: Bool = true, right: Bool = true) -> Range<Index> {
    let set = characters.map { Set($0.unicodeScalars) }
    let drops = { (scalar: Unicode.Scalar) in set?.contains(scalar) ?? scalar.isPythonSpace }
    var scalars = unicodeScalars[...]
    if left { scalars = scalars.drop(while: drops) }
    while right, let last = scalars.last, drops(last) { scalars.removeLast() }
    return scalars.startIndex..<scalars.endIndex
  }

  /// The parts between separators, at most `limit` of which are cut at, from the left or from the right. An empty
  /// separator separates nothing.
  func parts(separatedBy separator: String, limit: Int = .max, fromRight: Bool = false) -> [String] {
    let bytes = Array(utf8)
    return partRanges(separatedBy: separator, limit: limit, fromRight: fromRight).map {
      String(decoding: bytes[$0], as: UTF8.self)
    }
  }

  /// The byte ranges of the parts between separators.
  func partRanges(separatedBy separator: String, limit: Int = .max, fromRight: Bool = false) -> [Range<Int>] {
    if separator.isEmpty { return [0..<utf8.count] }
    var positions = exactPositions(of: separator, limit: fromRight ? .max : limit)
    if fromRight {
      // Without overlap as seen from the right, which can differ from the left: search the mirrored text.
      let mirrored = SubstringSearch(separator.utf8.reversed()).positions(in: utf8.reversed(), limit: limit)
      positions = mirrored.map { utf8.count - $0 - separator.utf8.count }.reversed()
    }
    var parts: [Range<Int>] = []
    var start = 0
    for position in positions {
      parts.append(start..<position)
      start = position + separator.utf8.count
    }
    return parts + [start..<utf8.count]
  }

  /// The words between runs of white space; at most `limit` cuts, after which the rest stays whole.
  func words(limit: Int = .max, fromRight: Bool = false) -> [String] {
    var words: [String] = []
    var scalars = Array(unicodeScalars)
    if fromRight { scalars.reverse() }
    var rest = scalars.drop(while: \.isPythonSpace)
    while !rest.isEmpty {
      let word = words.count < limit ? rest.prefix { !$0.isPythonSpace } : rest
      rest = rest.dropFirst(word.count).drop(while: \.isPythonSpace)
      words.append(String(scalars: fromRight ? word.reversed() : Array(word)))
    }
    return fromRight ? words.reversed() : words
  }

  /// The lines without, or with, their line breaks.
  func lines(keepingBreaks: Bool = false) -> [String] {
    var lines: [String] = []
    var line = UnicodeScalarView()
    var scalars = unicodeScalars[...]
    while let scalar = scalars.popFirst() {
      guard scalar.isLineBreak else {
        line.append(scalar)
        continue
      }
      if keepingBreaks { line.append(scalar) }
      if scalar == "\r", scalars.first == "\n" {
        let feed = scalars.removeFirst()
        if keepingBreaks { line.append(feed) }
      }
      lines.append(String(line))
      line = UnicodeScalarView()
    }
    return line.isEmpty ? lines : lines + [String(line)]
  }

  /// With at most `limit` occurrences of `old` replaced. An empty `old` is at every place between two characters.
  func replacing(_ old: String, with new: String, limit: Int) -> String {
    guard old.isEmpty else { return parts(separatedBy: old, limit: limit).joined(separator: new) }
    var result = ""
    var left = limit
    for scalar in unicodeScalars {
      if left > 0 { result += new }
      left -= 1
      result.unicodeScalars.append(scalar)
    }
    return left > 0 ? result + new : result
  }

  /// The first character in upper case, the others in lower case.
  var capitalizedAsSentence: String {
    guard let first = unicodeScalars.first else { return "" }
    return first.properties.titlecaseMapping + String(unicodeScalars.dropFirst()).lowercased()
  }

  /// Every word, where a word is a run of letters, with its first letter in upper case and the others in lower case.
  var titlecased: String {
    var result = ""
    var isInWord = false
    for scalar in unicodeScalars {
      let isCased = scalar.properties.isCased
      result +=
        isCased ? (isInWord ? scalar.properties.lowercaseMapping : scalar.properties.titlecaseMapping) : String(scalar)
      isInWord = isCased
    }
    return result
  }

  /// With spaces for tabs, up to the next multiple of `size` columns.
  func expandingTabs(to size: Int) -> String {
    var result = UnicodeScalarView()
    var column = 0
    for scalar in unicodeScalars {
      if scalar == "\t" {
        guard size > 0 else { continue }
        let count = size - column % size
        result.append(contentsOf: repeatElement(" ", count: count))
        column += count
      } else {
        result.append(scalar)
        column = scalar == "\n" || scalar == "\r" ? 0 : column + 1
      }
    }
    return String(result)
  }

  /// Whether upper case letters follow only what is no letter and lower case letters only letters.
  var isTitle: Bool {
    var (isInWord, hasLetters) = (false, false)
    for scalar in unicodeScalars {
      let isUpper = scalar.properties.isUppercase || scalar.properties.generalCategory == .titlecaseLetter
      if isUpper ? isInWord : scalar.properties.isLowercase && !isInWord { return false }
      isInWord = isUpper || scalar.properties.isLowercase
      hasLetters = hasLetters || isInWord
    }
    return hasLetters
  }

  /// As a literal in Python: in single quotes unless only those occur, what is not printable escaped.
  var pythonRepresentation: String {
    let quote: Unicode.Scalar = unicodeScalars.contains("'") && !unicodeScalars.contains("\"") ? "\"" : "'"
    var result = String(quote)
    for scalar in unicodeScalars {
      switch scalar {
      case "\\", quote: result += "\\" + String(scalar)
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case _ where scalar.isPrintable: result.unicodeScalars.append(scalar)
      default:
        let digits = String(scalar.value, radix: 16)
        let (letter, width) = scalar.value < 0x100 ? ("x", 2) : scalar.value < 0x10000 ? ("u", 4) : ("U", 8)
        result += "\\" + letter + String(repeating: "0", count: width - digits.count) + digits
      }
    }
    return result + String(quote)
  }
}

extension Unicode.Scalar {
  fileprivate var isLineBreak: Bool {
    switch value {
    case 0x0A...0x0D, 0x1C...0x1E, 0x85, 0x2028, 0x2029: true
    default: false
    }
  }

  /// Python's `str.isprintable`.
  var isPrintable: Bool {
    switch properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
    case .spaceSeparator: self == " "
    default: true
    }
  }
}
