import InferCore
import InferText

/// A text with a gap, as models of code read it: what stands before the gap, what stands behind it, and then what fills it.
struct FillInMiddlePrompt {
  /// A part of the text, and the field that it came in.
  typealias Part = (text: String, field: String)

  var prefix: Part
  var suffix: Part
  /// The beginning of what fills the gap.
  var opening: Part?
  /// Other files, the most important ones last.
  var files: [InfillRequest.File] = []
  /// The field that other files came in.
  var filesField = "input_extra"

  /// The tokens, and how many of them were left out.
  ///
  /// - Parameters:
  ///   - limit: The maximum number of tokens. Of what is more, other files give way first, from the first on, and then
  ///     what is farthest from the gap. `nil` for no limit.
  ///   - addsBeginning: `true` when the token that begins a text stands first, where the tokenizer puts one there.
  /// - Throws: The refusal of a gap where the model has no tokens for one.
  func tokens(
    _ served: ServedModel, limit: Int? = nil, addsBeginning: Bool = true
  ) throws(APIError) -> (tokens: [Int32], dropped: Int) {
    let marks = served.tokenizer.fillInMiddle
    guard let before = marks.prefix, let behind = marks.suffix, let middle = marks.middle else {
      throw .unsupported(
        suffix.field, "The model has no tokens for a gap in a text (field '\(suffix.field)').")
    }
    // A prompt that is shortened may be longer than the context.
    let overflow: Overflow = limit == nil ? .error : .shift
    func encode(_ part: Part) throws(APIError) -> [Int32] {
      // Names of special tokens in the text of a file are plain text.
      try served.encode(
        part.text, field: part.field, addingSpecialTokens: false, parsingSpecialTokens: false, overflow: overflow)
    }
    var (prefix, suffix) = (try encode(prefix), try encode(suffix))
    let opening = try opening.map(encode) ?? []
    let beginning = addsBeginning ? try Self.beginning(served) : []
    var files = try encoded(files, marks) { (text) throws(APIError) in try encode((text, filesField)) }
    let count = prefix.count + suffix.count + files.count
    if let limit {
      let room = max(0, limit - beginning.count - opening.count - 3)
      Self.shorten(&prefix, &suffix, to: room)
      files = files.suffix(max(0, room - prefix.count - suffix.count))
    }
    return (
      beginning + files + [before] + prefix + [behind] + suffix + [middle] + opening,
      count - prefix.count - suffix.count - files.count
    )
  }

  /// Conditions that end with the gap as well: models go on with another file or with filling.
  static func stop(_ conditions: StopConditions, _ served: ServedModel) throws(APIError) -> StopConditions {
    let marks = served.tokenizer.fillInMiddle
    guard !conditions.ignoresEndTokens else { return conditions }
    do { return try conditions.ending(at: [marks.pad, marks.repository, marks.separator].compactMap { $0 }) } catch {
      throw APIError(error)
    }
  }

  /// Leaves out what is farthest from the gap: what stands before it keeps three quarters of the room, and what the other
  /// side does not need.
  private static func shorten(_ prefix: inout [Int32], _ suffix: inout [Int32], to room: Int) {
    guard prefix.count + suffix.count > room else { return }
    let count = min(prefix.count, max(room / 4 * 3, room - suffix.count))
    prefix = prefix.suffix(count)
    suffix = Array(suffix.prefix(room - count))
  }

  private static func beginning(_ served: ServedModel) throws(APIError) -> [Int32] {
    let around = try served.encode("", field: "prompt", addingSpecialTokens: true)
    guard let token = served.tokenizer.bosToken.flatMap(served.tokenizer.id(for:)), around.first == token else {
      return []
    }
    return [token]
  }

  /// Other files: with their names where the vocabulary has tokens for that, as in a repository (Hui et al. 2024,
  /// arXiv 2409.12186), and one after another otherwise.
  private func encoded(
    _ files: [InfillRequest.File], _ marks: FillInMiddleTokens, _ encode: (String) throws(APIError) -> [Int32]
  ) throws(APIError) -> [Int32] {
    guard !files.isEmpty else { return [] }
    var tokens: [Int32] = []
    guard let separator = marks.separator else {
      for file in files { tokens += try encode("\n\n--- snippet ---\n\n\(file.text)") }
      return tokens
    }
    if let repository = marks.repository { tokens += [repository] + (try encode("myproject\n")) }
    for file in files { tokens += [separator] + (try encode("\(file.name)\n\(file.text)")) }
    return tokens + [separator] + (try encode("filename\n"))
  }
}
